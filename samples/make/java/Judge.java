import eu.europa.esig.dss.diagnostic.CertificateWrapper;
import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.EvidenceRecordWrapper;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.diagnostic.TimestampWrapper;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Judges finished samples with EU DSS, the root as anchor and both CRLs at hand.
 * Usage: Judge PKI CASES. A case is a line: file, detached documents; tabs between. Prints one line for every fact.
 */
public final class Judge {
    public static void main(String[] args) throws Exception {
        Pki pki = new Pki(Path.of(args[0]));
        for (String line : Files.readAllLines(Path.of(args[1]), StandardCharsets.UTF_8)) {
            List<DSSDocument> documents = Arrays.stream(line.split("\t")).map(p -> (DSSDocument) new FileDocument(new File(p))).toList();
            String file = line.split("\t")[0];
            try {
                SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(documents.get(0));
                validator.setCertificateVerifier(pki.verifier());
                validator.setDetachedContents(documents.subList(1, documents.size()));
                print(file, validator.validateDocument());
            } catch (RuntimeException e) {
                row(file, "error", e.getClass().getSimpleName() + ": " + e.getMessage());
            }
        }
    }

    private static void print(String file, Reports reports) {
        DiagnosticData data = reports.getDiagnosticData();
        SimpleReport simple = reports.getSimpleReport();
        for (SignatureWrapper s : data.getSignatures()) {
            row(file, "signature", s.getSignatureFormat(), simple.getIndication(s.getId()), simple.getSubIndication(s.getId()),
                instant(s.getClaimedSigningTime()), name(s.getSigningCertificate()), end(s.getSigningCertificate()),
                s.isSignatureIntact(), s.getDigestMatchers().stream().allMatch(m -> m.isDataFound() && m.isDataIntact()), algorithms(s));
        }
        for (TimestampWrapper t : data.getTimestampList()) {
            row(file, "timestamp", t.getType(), simple.getIndication(t.getId()), simple.getSubIndication(t.getId()),
                instant(t.getProductionTime()), name(t.getSigningCertificate()), end(t.getSigningCertificate()),
                t.isSignatureIntact(), t.isMessageImprintDataIntact());
        }
        for (EvidenceRecordWrapper e : data.getEvidenceRecords()) {
            row(file, "evidence-record", e.getEvidenceRecordType(), simple.getIndication(e.getId()), simple.getSubIndication(e.getId()),
                e.getDigestMatchers().stream().anyMatch(m -> m.isDataFound() && m.isDataIntact()));
        }
        if (data.getSignatures().isEmpty() && data.getTimestampList().isEmpty() && data.getEvidenceRecords().isEmpty()) row(file, "nothing");
    }

    private static String algorithms(SignatureWrapper s) {
        return s.getEncryptionAlgorithm() + "-" + s.getKeyLengthUsedToSignThisToken() + " " + s.getDigestAlgorithm();
    }

    private static String name(CertificateWrapper c) { return c == null ? "-" : c.getCommonName(); }

    private static String end(CertificateWrapper c) { return c == null ? "-" : instant(c.getNotAfter()); }

    private static String instant(Date date) { return date == null ? "-" : date.toInstant().toString(); }

    private static void row(Object... cells) {
        System.out.println(Stream.of(cells).map(c -> c == null ? "-" : c.toString().replaceAll("\\s+", " ")).collect(Collectors.joining("\t")));
    }
}
