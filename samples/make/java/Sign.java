import eu.europa.esig.dss.signature.AbstractSignatureParameters;
import eu.europa.esig.dss.asic.cades.ASiCWithCAdESSignatureParameters;
import eu.europa.esig.dss.asic.cades.signature.ASiCWithCAdESService;
import eu.europa.esig.dss.asic.xades.ASiCWithXAdESSignatureParameters;
import eu.europa.esig.dss.asic.xades.signature.ASiCWithXAdESService;
import eu.europa.esig.dss.cades.CAdESSignatureParameters;
import eu.europa.esig.dss.cades.signature.CAdESService;
import eu.europa.esig.dss.enumerations.ASiCContainerType;
import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.enumerations.SignaturePackaging;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.SignatureValue;
import eu.europa.esig.dss.signature.DocumentSignatureService;
import eu.europa.esig.dss.signature.MultipleDocumentsSignatureService;
import eu.europa.esig.dss.token.DSSPrivateKeyEntry;
import eu.europa.esig.dss.token.Pkcs12SignatureToken;
import eu.europa.esig.dss.xades.XAdESSignatureParameters;
import eu.europa.esig.dss.xades.signature.XAdESService;

import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.TimeStampRequest;
import org.bouncycastle.tsp.TimeStampRequestGenerator;
import org.bouncycastle.tsp.TimeStampResponse;
import org.bouncycastle.tsp.TimeStampToken;
import org.bouncycastle.tsp.ers.ERSArchiveTimeStampGenerator;
import org.bouncycastle.tsp.ers.ERSByteData;
import org.bouncycastle.tsp.ers.ERSEvidenceRecordGenerator;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.Date;
import java.util.List;

/**
 * Signs with EU DSS: CAdES, XAdES, ASiC-S and ASiC-E; one RFC 4998 evidence record with Bouncy Castle's ERS.
 * Usage: Sign PKI JOBS. A job is a line: format, level, signer, claimed time ('-': now), output, inputs; tabs between.
 */
public final class Sign {
    private record Job(String format, String level, String signer, Date at, Path output, List<DSSDocument> inputs) {}

    private final Pki pki;

    private Sign(Pki pki) { this.pki = pki; }

    public static void main(String[] args) throws Exception {
        Sign sign = new Sign(new Pki(Path.of(args[0])));
        for (String line : Files.readAllLines(Path.of(args[1]), StandardCharsets.UTF_8)) {
            String[] part = line.split("\t");
            Date at = part[3].equals("-") ? new Date() : Date.from(Instant.parse(part[3]));
            List<DSSDocument> inputs = Arrays.stream(part).skip(5).map(p -> (DSSDocument) new FileDocument(new File(p))).toList();
            sign.run(new Job(part[0], part[1], part[2], at, Path.of(part[4]), inputs));
        }
    }

    private void run(Job job) throws Exception {
        if (job.format().equals("evidence-record")) { evidenceRecord(job); return; }
        DSSDocument signed = switch (job.format()) {
            case "cades-attached" -> cades(job, SignaturePackaging.ENVELOPING);
            case "cades-detached" -> cades(job, SignaturePackaging.DETACHED);
            case "xades-enveloped" -> xades(job, SignaturePackaging.ENVELOPED);
            case "xades-enveloping" -> xades(job, SignaturePackaging.ENVELOPING);
            case "asic-s-cades" -> asicCades(job, ASiCContainerType.ASiC_S);
            case "asic-e-cades" -> asicCades(job, ASiCContainerType.ASiC_E);
            case "asic-s-xades" -> asicXades(job, ASiCContainerType.ASiC_S);
            case "asic-e-xades" -> asicXades(job, ASiCContainerType.ASiC_E);
            default -> throw new IllegalArgumentException("no such format: " + job.format());
        };
        signed.save(job.output().toString());
    }

    private DSSDocument cades(Job job, SignaturePackaging packaging) throws Exception {
        CAdESSignatureParameters parameters = new CAdESSignatureParameters();
        parameters.setSignatureLevel(level("CAdES", job));
        parameters.setSignaturePackaging(packaging);
        CAdESService service = new CAdESService(pki.verifier());
        service.setTspSource(pki.tsa());
        return one(job, parameters, service);
    }

    private DSSDocument xades(Job job, SignaturePackaging packaging) throws Exception {
        XAdESSignatureParameters parameters = new XAdESSignatureParameters();
        parameters.setSignatureLevel(level("XAdES", job));
        parameters.setSignaturePackaging(packaging);
        XAdESService service = new XAdESService(pki.verifier());
        service.setTspSource(pki.tsa());
        return one(job, parameters, service);
    }

    private DSSDocument asicCades(Job job, ASiCContainerType type) throws Exception {
        ASiCWithCAdESSignatureParameters parameters = new ASiCWithCAdESSignatureParameters();
        parameters.setSignatureLevel(level("CAdES", job));
        parameters.aSiC().setContainerType(type);
        ASiCWithCAdESService service = new ASiCWithCAdESService(pki.verifier());
        service.setTspSource(pki.tsa());
        return many(job, parameters, service);
    }

    private DSSDocument asicXades(Job job, ASiCContainerType type) throws Exception {
        ASiCWithXAdESSignatureParameters parameters = new ASiCWithXAdESSignatureParameters();
        parameters.setSignatureLevel(level("XAdES", job));
        parameters.aSiC().setContainerType(type);
        ASiCWithXAdESService service = new ASiCWithXAdESService(pki.verifier());
        service.setTspSource(pki.tsa());
        return many(job, parameters, service);
    }

    private <P extends AbstractSignatureParameters<?>> DSSDocument one(Job job, P parameters, DocumentSignatureService<P, ?> service) throws Exception {
        try (Pkcs12SignatureToken token = pki.token(job.signer())) {
            DSSPrivateKeyEntry key = prepare(job, parameters, token);
            DSSDocument input = job.inputs().get(0);
            SignatureValue value = token.sign(service.getDataToSign(input, parameters), DigestAlgorithm.SHA256, key);
            return service.signDocument(input, parameters, value);
        }
    }

    private <P extends AbstractSignatureParameters<?>> DSSDocument many(Job job, P parameters, MultipleDocumentsSignatureService<P, ?> service) throws Exception {
        try (Pkcs12SignatureToken token = pki.token(job.signer())) {
            DSSPrivateKeyEntry key = prepare(job, parameters, token);
            SignatureValue value = token.sign(service.getDataToSign(job.inputs(), parameters), DigestAlgorithm.SHA256, key);
            return service.signDocument(job.inputs(), parameters, value);
        }
    }

    private static DSSPrivateKeyEntry prepare(Job job, AbstractSignatureParameters<?> parameters, Pkcs12SignatureToken token) {
        DSSPrivateKeyEntry key = token.getKeys().get(0);
        parameters.setDigestAlgorithm(DigestAlgorithm.SHA256);
        parameters.setSigningCertificate(key.getCertificate());
        parameters.setCertificateChain(Pki.withoutRoot(key));
        parameters.bLevel().setSigningDate(job.at());
        return key;
    }

    private static SignatureLevel level(String form, Job job) {
        return SignatureLevel.valueOf(form + "_BASELINE_" + job.level());
    }

    /** One tree over the input and two neighbours, so that the record carries a real reduced hash tree (RFC 4998 §4.2). */
    private void evidenceRecord(Job job) throws Exception {
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().build();
        AlgorithmIdentifier sha256 = new AlgorithmIdentifier(NISTObjectIdentifiers.id_sha256);
        byte[] content = job.inputs().get(0).openStream().readAllBytes();
        ERSByteData data = new ERSByteData(content);
        ERSArchiveTimeStampGenerator tree = new ERSArchiveTimeStampGenerator(digests.get(sha256));
        tree.addData(data);
        tree.addData(new ERSByteData("first neighbour".getBytes(StandardCharsets.UTF_8)));
        tree.addData(new ERSByteData("second neighbour".getBytes(StandardCharsets.UTF_8)));
        TimeStampRequestGenerator requests = new TimeStampRequestGenerator();
        requests.setCertReq(true);
        TimeStampRequest request = tree.generateTimeStampRequest(requests);
        byte[] token = pki.tsa().getTimeStampResponse(DigestAlgorithm.SHA256, request.getMessageImprintDigest()).getBytes();
        TimeStampResponse response = granted(token);
        var records = new ERSEvidenceRecordGenerator(digests).generate(tree.generateArchiveTimeStamps(response));
        for (var record : records) {
            if (record.isContaining(data, new Date())) { Files.write(job.output(), record.getEncoded()); return; }
        }
        throw new IllegalStateException("no record holds the input");
    }

    /** DSS hands out bare tokens; Bouncy Castle's generator wants them in a response with status granted (RFC 3161 §2.4.2). */
    private static TimeStampResponse granted(byte[] token) throws Exception {
        var status = new org.bouncycastle.asn1.cmp.PKIStatusInfo(org.bouncycastle.asn1.cmp.PKIStatus.granted);
        var content = org.bouncycastle.asn1.cms.ContentInfo.getInstance(token);
        TimeStampResponse response = new TimeStampResponse(new org.bouncycastle.asn1.tsp.TimeStampResp(status, content));
        TimeStampToken held = response.getTimeStampToken();
        if (held == null) throw new IllegalStateException("no token in the response");
        return response;
    }
}
