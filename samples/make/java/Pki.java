import eu.europa.esig.dss.alert.SilentOnStatusAlert;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.spi.x509.tsp.KeyEntityTSPSource;
import eu.europa.esig.dss.token.DSSPrivateKeyEntry;
import eu.europa.esig.dss.token.Pkcs12SignatureToken;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.KeyStore.PasswordProtection;
import java.util.Arrays;
import java.util.List;

/** The throw-away PKI as DSS sees it: keys from PKCS #12 files, the root as anchor, both CRLs, no network. */
final class Pki {
    static final String TSA_POLICY = "2.25.338822406511098017362401928376550281";
    private static final char[] PASSWORD = "sample".toCharArray();
    private final Path folder;

    Pki(Path folder) { this.folder = folder; }

    Pkcs12SignatureToken token(String name) throws Exception {
        return new Pkcs12SignatureToken(folder.resolve(name + ".p12").toFile(), new PasswordProtection(PASSWORD));
    }

    /** Trusts the root alone. Alerts are silent: samples of expired and revoked signers are made on purpose. */
    CommonCertificateVerifier verifier() {
        CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();
        anchors.addCertificate(certificate("root"));
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(anchors);
        verifier.setCrlSource(new ExternalResourcesCRLSource(crl("root"), crl("issuing")));
        verifier.setOcspSource(null);
        verifier.setAIASource(null);
        verifier.setAlertOnExpiredCertificate(new SilentOnStatusAlert());
        verifier.setAlertOnRevokedCertificate(new SilentOnStatusAlert());
        verifier.setAlertOnNoRevocationAfterBestSignatureTime(new SilentOnStatusAlert());
        return verifier;
    }

    KeyEntityTSPSource tsa() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (var in = Files.newInputStream(folder.resolve("tsu.p12"))) { store.load(in, PASSWORD); }
        KeyEntityTSPSource tsa = new KeyEntityTSPSource(store, store.aliases().nextElement(), PASSWORD);
        tsa.setTsaPolicy(TSA_POLICY);
        return tsa;
    }

    static List<CertificateToken> withoutRoot(DSSPrivateKeyEntry key) {
        return Arrays.stream(key.getCertificateChain()).filter(c -> !c.isSelfSigned()).toList();
    }

    private InputStream crl(String name) {
        return new FileDocument(folder.resolve(name + ".crl").toFile()).openStream();
    }

    private CertificateToken certificate(String name) {
        return DSSUtils.loadCertificate(folder.resolve(name + ".pem").toFile());
    }
}
