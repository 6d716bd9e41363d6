import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureAlgorithm;
import eu.europa.esig.dss.model.policy.CryptographicSuite;
import eu.europa.esig.dss.policy.crypto.xml.CryptographicSuiteXmlCatalogue;
import eu.europa.esig.dss.policy.crypto.xml.CryptographicSuiteXmlFacade;
import eu.europa.esig.dss.validation.policy.CryptographicSuiteUtils;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;

/**
 * What EU DSS makes of DSSC files: whether each is valid against the schema of RFC 5698, and for each algorithm and
 * year from 2000 to 2060 whether it is acceptable. One JSON object a file. Its own policy: `bundled`; where
 * to copy that to: second argument.
 */
public class DssPolicies {
    static final int[] SIZES = {160, 163, 224, 256, 384, 512, 521, 785, 786, 1023, 1024, 1535, 1536, 1899,
        1900, 2048, 2999, 3000, 3072, 4096, 8192};

    public static void main(String[] args) throws Exception {
        List<String> files = new ArrayList<>(List.of(args));
        if (files.get(0).equals("--copy")) {
            try (InputStream in = bundled()) { Files.copy(in, Path.of(files.get(1))); }
            return;
        }
        for (String file : files) System.out.println(judge(file));
    }

    static InputStream bundled() {
        return DssPolicies.class.getResourceAsStream("/suite/dss-crypto-suite.xml");
    }

    static String judge(String file) throws Exception {
        CryptographicSuite suite;
        try (InputStream in = file.equals("bundled") ? bundled() : Files.newInputStream(Path.of(file))) {
            // `true`: against the schema.
            suite = new CryptographicSuiteXmlCatalogue(CryptographicSuiteXmlFacade.newFacade().unmarshall(in, true))
                .getCryptographicSuite();
        } catch (Exception e) {
            return "{\"file\":" + quote(file) + ",\"error\":" + quote(String.valueOf(e.getCause() == null ? e : e.getCause())) + "}";
        }
        List<String> rows = new ArrayList<>();
        for (DigestAlgorithm digest : DigestAlgorithm.values()) {
            String years = years(at -> CryptographicSuiteUtils.isDigestAlgorithmReliableAtTime(suite, digest, at));
            rows.add("{\"digest\":" + quote(digest.name()) + ",\"years\":" + quote(years) + "}");
        }
        for (SignatureAlgorithm algorithm : SignatureAlgorithm.values())
            for (int size : SIZES) {
                String years = years(at -> CryptographicSuiteUtils.isSignatureAlgorithmReliableAtTime(suite, algorithm, "" + size, at));
                String digest = algorithm.getDigestAlgorithm() == null ? "null" : quote(algorithm.getDigestAlgorithm().name());
                rows.add("{\"scheme\":" + quote(algorithm.getEncryptionAlgorithm().name()) + ",\"name\":" + quote(algorithm.name())
                    + ",\"digest\":" + digest + ",\"size\":" + size + ",\"years\":" + quote(years) + "}");
            }
        return "{\"file\":" + quote(file) + ",\"rows\":[" + String.join(",", rows) + "]}";
    }

    interface Reliable { boolean at(Date date); }

    /** Two characters a year: on its first instant, and in its middle. */
    static String years(Reliable reliable) {
        StringBuilder years = new StringBuilder();
        for (int year = 2000; year <= 2060; year++)
            for (String day : new String[] {"-01-01T00:00:00Z", "-07-01T00:00:00Z"})
                years.append(reliable.at(Date.from(Instant.parse(year + day))) ? '1' : '0');
        return years.toString();
    }

    static String quote(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", " ") + '"';
    }
}
