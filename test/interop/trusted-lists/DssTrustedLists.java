import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.tsl.TrustService;
import eu.europa.esig.dss.model.tsl.TrustServiceProvider;
import eu.europa.esig.dss.model.tsl.TrustServiceStatusAndInformationExtensions;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.tsl.parsing.LOTLParsingResult;
import eu.europa.esig.dss.tsl.parsing.LOTLParsingTask;
import eu.europa.esig.dss.tsl.parsing.TLParsingResult;
import eu.europa.esig.dss.tsl.parsing.TLParsingTask;
import eu.europa.esig.dss.tsl.source.LOTLSource;
import eu.europa.esig.dss.tsl.source.TLSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;

/** What EU DSS reads from trusted lists: sequence number, pointers, services with their statuses. One JSON object a file. */
public class DssTrustedLists {
    public static void main(String[] args) {
        for (String file : args) {
            try {
                System.out.println(isListOfLists(file) ? pointers(file) : services(file));
            } catch (Exception e) {
                System.out.println("{\"file\":" + quote(file) + ",\"error\":" + quote(String.valueOf(e.getMessage())) + "}");
            }
        }
    }

    static boolean isListOfLists(String file) {
        String name = Path.of(file).getFileName().toString();
        return name.contains("lotl") || name.contains("pivot");
    }

    static String services(String file) {
        TLParsingResult result = new TLParsingTask(new FileDocument(file), new TLSource()).get();
        List<String> services = new ArrayList<>();
        for (TrustServiceProvider provider : result.getTrustServiceProviders())
            for (TrustService service : provider.getServices()) {
                List<String> statuses = new ArrayList<>();
                for (TrustServiceStatusAndInformationExtensions status : service.getStatusAndInformationExtensions())
                    statuses.add("[" + quote(status.getType()) + "," + quote(status.getStatus()) + ","
                        + instant(status.getStartDate()) + "," + instant(status.getEndDate()) + ","
                        + list(status.getAdditionalServiceInfoUris()) + "]");
                services.add("{\"provider\":" + quote(provider.getNames().get("en").get(0)) + ",\"certificates\":"
                    + list(fingerprints(service.getCertificates())) + ",\"statuses\":[" + String.join(",", statuses) + "]}");
            }
        return "{\"file\":" + quote(file) + ",\"sequenceNumber\":" + result.getSequenceNumber() + ",\"territory\":"
            + quote(result.getTerritory()) + ",\"nextUpdate\":" + instant(result.getNextUpdateDate()) + ",\"services\":["
            + String.join(",", services) + "]}";
    }

    static String pointers(String file) {
        LOTLSource source = new LOTLSource();
        source.setPivotSupport(true);
        LOTLParsingResult result = new LOTLParsingTask(new FileDocument(file), source).get();
        List<String> pointers = new ArrayList<>();
        result.getTlPointers().forEach(one -> pointers.add("[" + quote(one.getTSLLocation()) + ","
            + list(fingerprints(one.getSdiCertificates())) + "]"));
        return "{\"file\":" + quote(file) + ",\"sequenceNumber\":" + result.getSequenceNumber() + ",\"territory\":"
            + quote(result.getTerritory()) + ",\"nextUpdate\":" + instant(result.getNextUpdateDate()) + ",\"pointers\":["
            + String.join(",", pointers) + "]}";
    }

    static List<String> fingerprints(List<CertificateToken> certificates) {
        List<String> fingerprints = new ArrayList<>();
        for (CertificateToken certificate : certificates)
            fingerprints.add(DSSUtils.toHex(certificate.getDigest(eu.europa.esig.dss.enumerations.DigestAlgorithm.SHA256)).toLowerCase());
        return fingerprints;
    }

    static String instant(Date date) {
        return date == null ? "null" : quote(date.toInstant().toString());
    }

    static String list(List<String> texts) {
        List<String> quoted = new ArrayList<>();
        for (String text : texts) quoted.add(quote(text));
        return "[" + String.join(",", quoted) + "]";
    }

    static String quote(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", " ") + '"';
    }
}
