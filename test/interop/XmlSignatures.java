import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import javax.xml.XMLConstants;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/**
 * What the JDK's own javax.xml.crypto makes of the signature that each file carries over itself, with the key of the
 * certificate in it. One line a file: `valid`, `invalid`, or why it cannot be judged; then that certificate in base64.
 */
public class XmlSignatures {
    public static void main(String[] files) {
        for (String file : files) {
            try {
                System.out.println(judge(Files.readAllBytes(Path.of(file))));
            } catch (Exception e) {
                System.out.println(("refused: " + e).replace('\n', ' '));
            }
        }
    }

    static String judge(byte[] octets) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
        Document document = factory.newDocumentBuilder().parse(new ByteArrayInputStream(octets));
        Node signature = only(document, "Signature");
        byte[] raw = Base64.getMimeDecoder().decode(only(document, "X509Certificate").getTextContent());
        Certificate certificate =
            CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(raw));
        DOMValidateContext context = new DOMValidateContext(certificate.getPublicKey(), signature);
        context.setProperty("org.jcp.xml.dsig.secureValidation", true);
        boolean valid = XMLSignatureFactory.getInstance("DOM").unmarshalXMLSignature(context).validate(context);
        return (valid ? "valid " : "invalid ") + Base64.getEncoder().encodeToString(raw);
    }

    static Node only(Document document, String name) {
        NodeList found = document.getElementsByTagNameNS(XMLSignature.XMLNS, name);
        if (found.getLength() != 1) throw new IllegalArgumentException(found.getLength() + " " + name);
        return found.item(0);
    }
}
