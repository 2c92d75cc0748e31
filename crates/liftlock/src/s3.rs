//! Understands what object stores that speak S3 say about a bucket
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).

use roxmltree::{Document, Node, ParsingOptions};

/// More elements than any page of a listing has: at most 1,000 keys with ten
/// elements each, and as many pieces of text.
const MOST_NODES: u32 = 100_000;

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The keys, percent-encoded where that was asked for.
    pub keys: Vec<String>,
    /// Asks for the page after this one.
    pub next: Option<String>,
}

/// Why a store refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// One word, such as `NoSuchKey`; empty where the store gave none.
    pub code: String,
    /// For people.
    pub message: String,
    /// Where the bucket is, where the request went to another region.
    pub region: Option<String>,
}

/// Reads a page of `ListObjectsV2`.
///
/// # Errors
///
/// Fails on what is no such page, and on one that goes on without saying where.
pub fn page(bytes: &[u8]) -> Result<Page, ParseError> {
    let text = std::str::from_utf8(bytes)?;
    let document = parse(text)?;
    let root = document.root_element();
    if root.tag_name().name() != "ListBucketResult" {
        return Err(ParseError::Other(root.tag_name().name().to_owned()));
    }
    let objects = children(root, "Contents");
    let keys = objects.map(|object| word(object, "Key").ok_or(ParseError::NoKey));
    let next = match word(root, "IsTruncated").as_deref() {
        Some("true") => Some(word(root, "NextContinuationToken").ok_or(ParseError::NoEnd)?),
        Some("false") => None,
        Some(_) | None => return Err(ParseError::NoEnd),
    };
    Ok(Page {
        keys: keys.collect::<Result<_, _>>()?,
        next,
    })
}

/// Reads a refusal; what is none gives an empty one.
#[must_use]
pub fn complaint(bytes: &[u8]) -> Complaint {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let Ok(document) = parse(text) else {
        return Complaint::default();
    };
    let root = document.root_element();
    if root.tag_name().name() != "Error" {
        return Complaint::default();
    }
    Complaint {
        code: word(root, "Code").unwrap_or_default(),
        message: word(root, "Message").unwrap_or_default(),
        region: word(root, "Region"),
    }
}

/// No document type, so nothing that could grow or name a file.
fn parse(text: &str) -> Result<Document<'_>, roxmltree::Error> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options)
}

fn children<'a>(node: Node<'a, 'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    let children = node.children();
    children.filter(move |child| child.tag_name().name() == name)
}

/// The text of the first child of that name; empty is none.
fn word(node: Node<'_, '_>, name: &str) -> Option<String> {
    let mut children = node.children();
    let child = children.find(|child| child.tag_name().name() == name)?;
    let text = child.text().unwrap_or_default();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The answer is no page of a listing.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not even text.
    #[error("the listing is not text")]
    Text(#[from] std::str::Utf8Error),
    /// Not XML, or XML that no listing needs.
    #[error("the listing is not plain XML")]
    Xml(#[from] roxmltree::Error),
    /// A document of another kind.
    #[error("expected `ListBucketResult` and not `{0}`")]
    Other(String),
    /// An object without a name.
    #[error("an object of the listing has no key")]
    NoKey,
    /// Neither the last page nor a way to the next one.
    #[error("the listing does not say where it ends")]
    NoEnd,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(rest: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>b</Name>{rest}</ListBucketResult>"
        )
    }

    #[test]
    fn a_page_has_keys_and_the_way_to_the_next() {
        let contents = "<Contents><Key>a/b</Key><Size>3</Size></Contents>\
                        <Contents><ETag>\"1\"</ETag><Key>a/c%20d</Key></Contents>";
        let last = listing(&format!("<IsTruncated>false</IsTruncated>{contents}"));
        let read = page(last.as_bytes()).unwrap();
        assert_eq!(read.keys, ["a/b", "a/c%20d"]);
        assert_eq!(read.next, None);
        let more = "<IsTruncated>true</IsTruncated>\
                    <NextContinuationToken>1/x+y=</NextContinuationToken>";
        let read = page(listing(more).as_bytes()).unwrap();
        assert_eq!((read.keys.len(), read.next.as_deref()), (0, Some("1/x+y=")));
    }

    #[test]
    fn what_could_hide_keys_is_no_page() {
        for text in [
            String::new(),
            "<html/>".to_owned(),
            "<Error><Code>AccessDenied</Code></Error>".to_owned(),
            listing(""),
            listing("<IsTruncated>true</IsTruncated>"),
            listing("<IsTruncated>yes</IsTruncated>"),
            listing("<IsTruncated>false</IsTruncated><Contents/>"),
            listing("<IsTruncated>false</IsTruncated>").replace("</ListBucketResult>", ""),
            "<!DOCTYPE x [<!ENTITY e \"x\">]><ListBucketResult/>".to_owned(),
        ] {
            assert!(page(text.as_bytes()).is_err(), "{text}");
        }
        assert!(page(b"\xff").is_err());
    }

    #[test]
    fn a_refusal_has_a_code_or_nothing() {
        let text = "<Error><Code>PermanentRedirect</Code><Message>m</Message>\
                    <Region>eu-west-1</Region></Error>";
        let read = complaint(text.as_bytes());
        assert_eq!(
            (read.code.as_str(), read.message.as_str()),
            ("PermanentRedirect", "m")
        );
        assert_eq!(read.region.as_deref(), Some("eu-west-1"));
        for other in ["", "<html><Code>x</Code></html>", "<Error>"] {
            assert_eq!(complaint(other.as_bytes()), Complaint::default(), "{other}");
        }
    }
}
