//! Files whose signature would be one of something else. A file is signed by
//! the hash of its bytes, and so are statements and images: whoever signs a
//! file with the bytes of those has signed those.

use std::fmt;

/// What a signature over the bytes of a file would be as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guise {
    /// A signature of the statement inside: they are its bytes in DSSE's
    /// encoding.
    Statement,
    /// A signature of an image: they are the payload of cosign and of
    /// containers/image.
    Image,
}

impl fmt::Display for Guise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Statement => "begins with `DSSEv1 `, so that its signature would be one of the statement inside",
            Self::Image => "is what cosign signs for an image, so that its signature would be one of that image",
        })
    }
}

/// What every message of DSSE begins with.
const MESSAGE: &[u8] = b"DSSEv1 ";

/// What payloads say that they are: cosign's, and the older one of
/// containers/image.
const TYPES: [&[u8]; 2] = [
    b"cosign container image signature",
    b"atomic container signature",
];

/// The most bytes of a text that could matter.
const LONGEST: usize = 64;

/// Looks at bytes as they come by, in little memory however many they are.
///
/// Readers of payloads differ: some take names in any case, names that are
/// there twice, and bytes that are no text. So whatever one of them could take
/// for a payload is one here.
#[derive(Debug, Default)]
pub struct Watch {
    state: State,
    found: Option<Guise>,
}

#[derive(Debug, Default)]
enum State {
    /// So many bytes fit the beginning of a message.
    Message(usize),
    /// Nothing was seen.
    #[default]
    Begin,
    /// Nothing but white space, which may stand before an object.
    Space,
    /// Inside of a JSON object.
    Object(Object),
    /// Decided.
    Done,
}

impl Watch {
    /// Takes the next bytes.
    pub fn see(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if matches!(self.state, State::Done) {
                return;
            }
            self.step(*byte);
        }
    }

    /// What was seen, once all bytes were.
    #[must_use]
    pub const fn found(&self) -> Option<Guise> {
        self.found
    }

    fn step(&mut self, byte: u8) {
        match &mut self.state {
            State::Begin if byte == b'D' => self.state = State::Message(1),
            State::Begin | State::Space => match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.state = State::Space,
                b'{' => self.state = State::Object(Object::default()),
                _ => self.state = State::Done,
            },
            State::Message(fit) if MESSAGE.get(*fit) == Some(&byte) => {
                *fit += 1;
                if *fit == MESSAGE.len() {
                    self.end(Guise::Statement);
                }
            }
            State::Message(_) => self.state = State::Done,
            State::Object(object) => {
                if object.step(byte) {
                    self.end(Guise::Image);
                }
            }
            State::Done => {}
        }
    }

    fn end(&mut self, guise: Guise) {
        self.found = Some(guise);
        self.state = State::Done;
    }
}

/// Where in a JSON object we are.
#[derive(Debug)]
struct Object {
    /// How many brackets are open.
    depth: u64,
    /// The text that is read, or was read last.
    text: Text,
    /// Whether the bytes are inside of it.
    inside: bool,
    at: At,
}

/// Which part of a payload the bytes could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// None that matters.
    Elsewhere,
    /// Before the value of the outer name `critical`.
    Critical,
    /// In that value, an object.
    Within,
    /// Before the value of the name `type` in there.
    Kind,
}

impl Default for Object {
    fn default() -> Self {
        Self {
            depth: 1,
            text: Text::default(),
            inside: false,
            at: At::Elsewhere,
        }
    }
}

impl Object {
    /// Takes a byte, and says whether it ends the type of a payload.
    fn step(&mut self, byte: u8) -> bool {
        if self.inside {
            self.inside = self.text.step(byte);
            return !self.inside && self.at == At::Kind && self.text.is_one_of(&TYPES);
        }
        match byte {
            b'"' => {
                self.text = Text::default();
                self.inside = true;
            }
            b'{' | b'[' => {
                self.at = match self.at {
                    At::Critical if byte == b'{' => At::Within,
                    At::Critical | At::Elsewhere => At::Elsewhere,
                    At::Within | At::Kind => At::Within,
                };
                self.depth = self.depth.saturating_add(1);
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.ended();
            }
            b',' => self.ended(),
            b':' => self.named(),
            _ => {}
        }
        false
    }

    /// A value is over.
    fn ended(&mut self) {
        self.at = match self.at {
            At::Within | At::Kind if self.depth > 1 => At::Within,
            At::Within | At::Kind | At::Critical | At::Elsewhere => At::Elsewhere,
        };
    }

    /// A name is over.
    fn named(&mut self) {
        self.at = match (self.depth, self.at) {
            (1, _) if self.text.is(b"critical") => At::Critical,
            (2, At::Within | At::Kind) if self.text.is(b"type") => At::Kind,
            (1, _) => At::Elsewhere,
            (_, At::Kind) => At::Within,
            (_, at) => at,
        };
    }
}

/// A JSON text, as far as it could matter.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    escape: Escape,
}

#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    No,
    /// After the backslash.
    Begun,
    /// So many digits of a letter's number, and what they say.
    Digits(u8, u32),
}

impl Text {
    /// Takes a byte, and says whether the text goes on.
    fn step(&mut self, byte: u8) -> bool {
        match (self.escape, byte) {
            (Escape::No, b'"') => return false,
            (Escape::No, b'\\') => self.escape = Escape::Begun,
            (Escape::No, plain) => self.push(plain),
            (Escape::Begun, b'u') => self.escape = Escape::Digits(0, 0),
            (Escape::Begun, _) => {
                // None of the texts that matter has what these stand for.
                self.push(0);
                self.escape = Escape::No;
            }
            (Escape::Digits(count, number), digit) => {
                let digit = char::from(digit).to_digit(16).unwrap_or_default();
                let number = number * 16 + digit;
                self.escape = Escape::Digits(count + 1, number);
                if count == 3 {
                    self.push(u8::try_from(number).unwrap_or_default());
                    self.escape = Escape::No;
                }
            }
        }
        true
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() <= LONGEST {
            self.bytes.push(byte);
        }
    }

    fn is(&self, name: &[u8]) -> bool {
        self.bytes.eq_ignore_ascii_case(name)
    }

    fn is_one_of(&self, texts: &[&[u8]]) -> bool {
        texts.contains(&self.bytes.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::dsse;
    use crate::oci::legacy;

    fn guise(bytes: &[u8]) -> Option<Guise> {
        let mut watch = Watch::default();
        watch.see(bytes);
        let mut slowly = Watch::default();
        for byte in bytes {
            slowly.see(&[*byte]);
        }
        assert_eq!(watch.found(), slowly.found(), "in pieces");
        watch.found()
    }

    #[test]
    fn what_is_signed_for_a_statement_is_no_plain_file() {
        let message = dsse::message(dsse::IN_TOTO, b"{}");
        assert_eq!(guise(&message), Some(Guise::Statement));
        for other in [
            &b"DSSEv1"[..],
            b"DSSEv2 ",
            b" DSSEv1 2 ab 1 x",
            b"dssev1 ",
            b"DSSEv1\n",
            b"D",
        ] {
            assert_eq!(guise(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn what_is_signed_for_an_image_is_no_plain_file_however_it_is_written() {
        let good = legacy::payload("r.example/shop", &Digest::of(b"image")).unwrap();
        let good = String::from_utf8(good).unwrap();
        let optional = |text: &str| good.replace("null", text);
        let cases = [
            good.clone(),
            good.replace(
                "cosign container image signature",
                "atomic container signature",
            ),
            good.replace("critical", "Critical").replace("type", "TYPE"),
            good.replace("critical", "criti\\u0063al"),
            good.replace("signature\"", "\\u0073ignature\""),
            format!("\r\n\t {good}\n"),
            good.replace(':', " : "),
            // The last of two, or all of them together, count for some.
            good.replacen('{', r#"{"critical":{"type":"x"},"#, 1),
            good.replacen('{', r#"{"critical":{"identity":[{}]},"optional":{},"#, 1),
            good.replace("\"type\"", r#""type":"x","type""#),
            optional(&format!("[{}{}]", "[".repeat(1000), "]".repeat(1000))),
            good.replacen('{', &format!(r#"{{"pad":"{}","#, "x".repeat(1_000_000)), 1),
        ];
        for case in &cases {
            let shown: String = case.chars().take(300).collect();
            assert_eq!(guise(case.as_bytes()), Some(Guise::Image), "{shown}");
        }
        let mut odd = optional("\"X\"").into_bytes();
        let place = odd.iter().rposition(|byte| *byte == b'X').unwrap();
        odd[place] = 0xff;
        assert_eq!(guise(&odd), Some(Guise::Image), "bytes that are no text");
    }

    #[test]
    fn other_files_are_what_they_are() {
        let cases = [
            "",
            " ",
            "\u{7f}ELF",
            "{}",
            r#"{"critical":3,"high":4}"#,
            r#"{"critical":{"type":"vulnerability"},"type":"cosign container image signature"}"#,
            r#"{"critical":[{"type":"cosign container image signature"}]}"#,
            r#"{"critical":{"image":{"type":"cosign container image signature"}}}"#,
            r#"{"critical":{},"other":{"type":"cosign container image signature"}}"#,
            r#"{"note":"{\"critical\":{\"type\":\"cosign container image signature\"}}"}"#,
            r#"{"critical":{"text":"type: cosign container image signature"}}"#,
            r#"[{"critical":{"type":"cosign container image signature"}}]"#,
            r#"{"critical":{"type":"cosign container image signature, and more"}}"#,
        ];
        for case in cases {
            assert_eq!(guise(case.as_bytes()), None, "{case}");
        }
    }
}
