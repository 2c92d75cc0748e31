//! Reads values of any type from a tree; what does not fit is told with its
//! place.

use std::fmt::Display;
use std::slice;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::ParseError;
use super::tree::{Kind, Node};
use crate::wording;

type Read<T> = Result<T, ParseError>;

/// A value of a document.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) document: &'a str,
    pub(super) node: &'a Node,
}

impl<'a> Reader<'a> {
    fn of(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    /// Reads the value. What is wrong and does not say its place is wrong here.
    pub(super) fn read<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Read<S::Value> {
        let read = seed.deserialize(self);
        read.map_err(|error| error.or_at(self.node.place))
    }

    /// A text, or a number or truth as it is written.
    fn text(self) -> Option<&'a str> {
        self.node.text(self.document)
    }

    fn misfit(self, wanted: &dyn Expected) -> ParseError {
        let found = match &self.node.kind {
            Kind::Nothing => Unexpected::Unit,
            Kind::Truth(truth) => Unexpected::Bool(*truth),
            Kind::Number(number) => match number.as_u64() {
                Some(number) => Unexpected::Unsigned(number),
                None => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Kind::Text(text) => Unexpected::Str(text),
            Kind::List(_) => Unexpected::Seq,
            Kind::Keys(_) => Unexpected::Map,
        };
        ParseError::invalid_type(found, wanted).or_at(self.node.place)
    }

    fn list<'de, V: Visitor<'de>>(self, nodes: &'a [Node], visitor: V) -> Read<V::Value> {
        let mut items = Items(self, nodes.iter());
        let read = visitor.visit_seq(&mut items)?;
        if items.1.next().is_some() {
            let most = nodes.len() - items.1.len() - 1;
            let message = format!("expected {most} values, found {}", nodes.len());
            return Err(ParseError::told(message));
        }
        Ok(read)
    }

    fn pairs(self, pairs: &'a [(Node, Node)]) -> Pairs<'a> {
        Pairs {
            reader: self,
            left: pairs.iter(),
            value: None,
        }
    }
}

/// The values of a list.
struct Items<'a>(Reader<'a>, slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ParseError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        let node = self.1.next();
        node.map(|node| self.0.of(node).read(seed)).transpose()
    }
}

/// Keys and their values.
struct Pairs<'a> {
    reader: Reader<'a>,
    left: slice::Iter<'a, (Node, Node)>,
    value: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = ParseError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        let Some((key, value)) = self.left.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        self.reader.of(key).read(seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<S::Value> {
        match self.value.take() {
            Some(value) => self.reader.of(value).read(seed),
            None => Err(ParseError::custom("a value is read before its key")),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ParseError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match &self.node.kind {
            Kind::Nothing => visitor.visit_unit(),
            Kind::Truth(truth) => visitor.visit_bool(*truth),
            Kind::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Kind::Text(text) => visitor.visit_str(text),
            Kind::List(nodes) => self.list(nodes, visitor),
            Kind::Keys(pairs) => visitor.visit_map(self.pairs(pairs)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.text() {
            Some(text) => visitor.visit_str(text),
            None => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match &self.node.kind {
            Kind::Nothing => visitor.visit_none(),
            Kind::Truth(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) | Kind::Keys(_) => {
                visitor.visit_some(self)
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let Kind::List(nodes) = &self.node.kind else {
            return Err(self.misfit(&visitor));
        };
        self.list(nodes, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let Kind::Keys(pairs) = &self.node.kind else {
            return Err(self.misfit(&visitor));
        };
        visitor.visit_map(self.pairs(pairs))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        match (self.text(), &self.node.kind) {
            (Some(word), _) => visitor.visit_enum(StrDeserializer::new(word)),
            (None, Kind::Keys(pairs)) if pairs.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(self.pairs(pairs)))
            }
            (None, _) => Err(self.misfit(&visitor)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct ignored_any
    }
}

impl Error for ParseError {
    fn custom<T: Display>(message: T) -> Self {
        Self::told(wording::plain(&message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        // As it is written there.
        let found = match found {
            Unexpected::Bool(truth) => format!("`{truth}`"),
            Unexpected::Unsigned(number) => format!("`{number}`"),
            Unexpected::Signed(number) => format!("`{number}`"),
            Unexpected::Float(number) => format!("`{number:?}`"),
            Unexpected::Str(text) if text.parse::<f64>().is_ok() => format!("`{text}` in quotes"),
            Unexpected::Str(text) => format!("`{}`", text.chars().take(60).collect::<String>()),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "keys with values".to_owned(),
            Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
            Unexpected::Char(_)
            | Unexpected::Bytes(_)
            | Unexpected::NewtypeStruct
            | Unexpected::Enum
            | Unexpected::UnitVariant
            | Unexpected::NewtypeVariant
            | Unexpected::TupleVariant
            | Unexpected::StructVariant
            | Unexpected::Other(_) => "another shape".to_owned(),
        };
        let wanted = wording::wanted_words(&wanted.to_string());
        Self::told(format!("expected {wanted}, found {found}"))
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::told(wording::unknown("word", word, known))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::told(wording::unknown("key", key, known))
    }

    fn missing_field(key: &'static str) -> Self {
        Self::told(wording::missing(key))
    }

    fn duplicate_field(key: &'static str) -> Self {
        Self::told(wording::twice(key))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::super::parse;

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
        parse(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_text_is_what_is_written_whatever_else_it_could_be() {
        let found: BTreeMap<String, String> =
            read("a: 1.10\nb: on\nc: 0x10\nd: ' 5'\n1: true\ne: |\n  7\nf: &x 2e3\ng: *x\n")
                .unwrap();
        let expected = [
            ("1", "true"),
            ("a", "1.10"),
            ("b", "on"),
            ("c", "0x10"),
            ("d", " 5"),
            ("e", "7\n"),
            ("f", "2e3"),
            ("g", "2e3"),
        ];
        let found: Vec<_> = found
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_is_no_text_and_no_list_but_may_be_left_out() {
        assert_eq!(
            read::<Vec<Option<u8>>>("[1, ~, null]"),
            Ok(vec![Some(1), None, None])
        );
        let told = "line 1, column 4: expected a text, found nothing";
        assert_eq!(read::<BTreeMap<String, String>>("a: ~").unwrap_err(), told);
        let told = read::<BTreeMap<String, Vec<u8>>>("a:\n").unwrap_err();
        assert!(told.ends_with("expected a list, found nothing"), "{told}");
    }

    #[test]
    fn numbers_are_plain_and_fit() {
        assert_eq!(read::<(u8, i64, f64)>("[255, -9, 1]"), Ok((255, -9, 1.0)));
        for (text, told) in [
            (
                "[256]",
                "line 1, column 2: expected a whole number from 0 on, found `256`",
            ),
            (
                "[-1]",
                "line 1, column 2: expected a whole number from 0 on, found `-1`",
            ),
            (
                "['5']",
                "line 1, column 2: expected a whole number from 0 on, found `5` in quotes",
            ),
            (
                "[1.0]",
                "line 1, column 2: expected a whole number from 0 on, found `1.0`",
            ),
        ] {
            assert_eq!(read::<Vec<u8>>(text).unwrap_err(), told);
        }
        assert!(read::<Vec<f64>>("[.nan]").is_err());
        assert!(read::<Vec<f64>>("[.inf]").is_err());
    }

    #[test]
    fn lists_are_as_long_as_they_should_be() {
        let told = "line 1, column 1: expected 2 values, found 3";
        assert_eq!(read::<(u8, u8)>("[1, 2, 3]").unwrap_err(), told);
        assert!(read::<(u8, u8)>("[1]").is_err());
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        Plain,
        Pair(u8, u8),
        Keys { a: u8 },
    }

    #[test]
    fn a_word_stands_alone_or_before_its_values() {
        let found = read::<Vec<Word>>("[plain, pair: [1, 2], keys: { a: 3 }, plain: ~]");
        let expected = [
            Word::Plain,
            Word::Pair(1, 2),
            Word::Keys { a: 3 },
            Word::Plain,
        ];
        assert_eq!(found.unwrap(), expected);
        for (text, told) in [
            (
                "[plan]",
                "line 1, column 2: unknown word `plan`; did you mean `plain`?",
            ),
            (
                "[[plain]]",
                "line 1, column 2: expected one of the known words, found a list",
            ),
            (
                "[{ keys: { b: 1 } }]",
                "line 1, column 10: the key `a` is missing",
            ),
            (
                "[{ keys: { a: x } }]",
                "line 1, column 15: expected a whole number from 0 on, found `x`",
            ),
        ] {
            let found = read::<Vec<Word>>(text).map(drop);
            assert_eq!(found.unwrap_err(), told, "{text}");
        }
        assert!(read::<Vec<Word>>("[{ pair: [1, 2], keys: { a: 3 } }]").is_err());
    }

    #[test]
    fn aliases_and_merged_keys_are_told_where_they_are_used() {
        let text = "base: &b { a: 1 }\nmore: { <<: *b, b: 2 }\n";
        let found: BTreeMap<String, BTreeMap<String, u8>> = read(text).unwrap();
        assert_eq!(
            found["more"],
            BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)])
        );
        let told = read::<(String, u8)>("[&x word, *x]").unwrap_err();
        assert!(told.starts_with("line 1, column 11: "), "{told}");
    }

    #[test]
    fn what_a_tag_makes_of_a_value_counts() {
        for text in ["[!!int '5']", "[!!bool 'true']"] {
            assert!(read::<Vec<String>>(text).is_err(), "{text}");
        }
        assert_eq!(read::<Vec<String>>("[!!str 5]"), Ok(vec!["5".to_owned()]));
    }
}
