import eu.europa.esig.dss.cades.CAdESSignatureParameters;
import eu.europa.esig.dss.cades.signature.CAdESService;
import eu.europa.esig.dss.crl.CRLUtils;
import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.TimestampBinary;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.CRLSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.CRLToken;
import eu.europa.esig.dss.spi.x509.tsp.TSPSource;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.tsp.TimeStampRequest;
import org.bouncycastle.tsp.TimeStampRequestGenerator;
import org.bouncycastle.tsp.TimeStampResponse;

/**
 * EU DSS raising CAdES files from LTA to LTA in one warmed-up process: `AugmentCades TSA-URL TRUST CRLS DOCUMENTS FILE...`.
 * TRUST and CRLS are folders of DER files; each file is raised so many times to warm up, then a third as often, and its
 * last result written to FILE.dss. One line a file: CPU milliseconds a document, documents, peak memory.
 */
public class AugmentCades {
    static final SecureRandom RANDOM = new SecureRandom();
    static final HttpClient HTTP = HttpClient.newHttpClient();

    static byte[][] filesOf(String folder) throws Exception {
        List<byte[]> all = new ArrayList<>();
        for (File file : new File(folder).listFiles()) if (file.isFile()) all.add(Files.readAllBytes(file.toPath()));
        return all.toArray(new byte[0][]);
    }

    static TSPSource tsa(String url) {
        return (algorithm, imprint) -> {
            try {
                TimeStampRequestGenerator generator = new TimeStampRequestGenerator();
                generator.setCertReq(true);
                TimeStampRequest request = generator.generate(
                    new ASN1ObjectIdentifier(algorithm.getOid()), imprint, new BigInteger(63, RANDOM));
                byte[] body = HTTP.send(
                    HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/timestamp-query")
                        .POST(HttpRequest.BodyPublishers.ofByteArray(request.getEncoded())).build(),
                    HttpResponse.BodyHandlers.ofByteArray()).body();
                TimeStampResponse response = new TimeStampResponse(body);
                response.validate(request);
                return new TimestampBinary(response.getTimeStampToken().getEncoded());
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        };
    }

    /** What is at hand is given, as an archive has it: nothing is fetched. */
    static CRLSource crls(String folder) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        List<X509CRL> lists = new ArrayList<>();
        for (byte[] octets : filesOf(folder)) lists.add((X509CRL) factory.generateCRL(new ByteArrayInputStream(octets)));
        return (certificate, issuer) -> {
            for (X509CRL list : lists) {
                if (!list.getIssuerX500Principal().equals(issuer.getSubject().getPrincipal())) continue;
                try {
                    return new CRLToken(certificate,
                        CRLUtils.buildCRLValidity(CRLUtils.buildCRLBinary(list.getEncoded()), issuer));
                } catch (Exception error) {
                    throw new IllegalStateException(error);
                }
            }
            return null;
        };
    }

    /** The most that was resident so far. */
    static String peak() throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status")))
            if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024 + "_MiB";
        return "unknown";
    }

    public static void main(String[] args) throws Exception {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        for (byte[] octets : filesOf(args[1])) trusted.addCertificate(DSSUtils.loadCertificate(octets));
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(trusted);
        verifier.setAIASource(null);
        verifier.setOcspSource(null);
        verifier.setCrlSource(crls(args[2]));
        CAdESService service = new CAdESService(verifier);
        service.setTspSource(tsa(args[0]));
        CAdESSignatureParameters parameters = new CAdESSignatureParameters();
        parameters.setSignatureLevel(SignatureLevel.CAdES_BASELINE_LTA);
        parameters.getArchiveTimestampParameters().setDigestAlgorithm(DigestAlgorithm.SHA256);
        com.sun.management.OperatingSystemMXBean system =
            (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        int warmUp = Integer.parseInt(args[3]);
        for (int i = 4; i < args.length; i++) {
            Path out = Path.of(args[i] + ".dss");
            long cpu = 0;
            int documents = 0;
            for (int turn = 0; turn < 2; turn++) {
                cpu = system.getProcessCpuTime();
                documents = 0;
                for (int left = turn == 0 ? warmUp : Math.max(1, warmUp / 3); left > 0; left--, documents++) {
                    DSSDocument raised = service.extendDocument(new FileDocument(args[i]), parameters);
                    raised.save(out.toString());
                }
            }
            System.out.println((system.getProcessCpuTime() - cpu) / 1e6 / documents + " " + documents + " " + peak());
        }
        System.exit(0);
    }
}
