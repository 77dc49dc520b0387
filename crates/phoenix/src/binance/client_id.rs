//! Owns the client order id on the wire: `px-<instance>-<session>-<sequence>`; knows nothing of orders.
//!
//! At most 35 of the 36 allowed characters, all from `[a-z0-9-]`: neither `:` nor `/`, which some
//! signers encode and others do not (protocol §4.4). Decoding is strict, so that one order has one text.

use arrayvec::ArrayString;
use phoenix_core::order::{OrderId, Owner};

/// What every id of Phoenix starts with.
pub const PREFIX: &str = "px-";
/// Longest instance name: prefix 3 + instance 10 + two numbers of 10 + two dashes = 35 ≤ 36.
pub const INSTANCE_MAX: usize = 10;
/// Longest id the exchange accepts.
pub const ID_MAX: usize = 36;

/// An instance name that cannot stand in an order id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an instance name is 1 to {INSTANCE_MAX} characters of a-z and 0-9")]
pub struct InstanceError;

/// Writes and reads the client order ids of one instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientIds {
    instance: ArrayString<INSTANCE_MAX>,
}

impl ClientIds {
    /// For an instance name of 1 to 10 characters of `a-z0-9`.
    ///
    /// # Errors
    /// [`InstanceError`] for any other name.
    pub fn new(instance: &str) -> Result<Self, InstanceError> {
        if !is_instance(instance) {
            return Err(InstanceError);
        }
        ArrayString::from(instance)
            .map(|instance| Self { instance })
            .map_err(|_| InstanceError)
    }

    /// The text of `id`.
    #[must_use]
    pub fn encode(&self, id: OrderId) -> ArrayString<ID_MAX> {
        let mut text = ArrayString::new();
        let mut buffer = itoa::Buffer::new();
        text.push_str(PREFIX);
        text.push_str(&self.instance);
        text.push('-');
        text.push_str(buffer.format(id.session));
        text.push('-');
        text.push_str(buffer.format(id.seq));
        text
    }

    /// Whose order `text` names. Ids with our prefix that we never write are somebody else's.
    #[must_use]
    pub fn decode(&self, text: &str) -> Owner {
        let Some((instance, id)) = parts(text) else {
            return Owner::Foreign;
        };
        if instance == self.instance.as_str() {
            Owner::Ours(id)
        } else {
            Owner::OtherInstance
        }
    }
}

fn is_instance(text: &str) -> bool {
    (1..=INSTANCE_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn parts(text: &str) -> Option<(&str, OrderId)> {
    let rest = text.strip_prefix(PREFIX)?;
    let (instance, rest) = rest.split_once('-')?;
    let (session, seq) = rest.split_once('-')?;
    let id = OrderId {
        session: canonical(session)?,
        seq: canonical(seq)?,
    };
    is_instance(instance).then_some((instance, id))
}

/// Only the text that `encode` writes: digits without sign or leading zero.
fn canonical(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(instance: &str) -> ClientIds {
        ClientIds::new(instance).expect("valid")
    }

    #[test]
    fn ids_are_told_from_other_instances_and_from_strangers() {
        let ours = ids("a1");
        let id = OrderId {
            session: 7,
            seq: 42,
        };
        assert_eq!(ours.encode(id).as_str(), "px-a1-7-42");
        for (text, owner) in [
            ("px-a1-7-42", Owner::Ours(id)),
            ("px-a2-7-42", Owner::OtherInstance),
            ("px-a1-07-42", Owner::Foreign),
            ("px-a1-7-+42", Owner::Foreign),
            ("px-a1-7-42-", Owner::Foreign),
            ("px-a1-7", Owner::Foreign),
            ("px--7-42", Owner::Foreign),
            ("px-A1-7-42", Owner::Foreign),
            ("px-a1-7-4294967296", Owner::Foreign),
            ("autoclose-1596107620040000020", Owner::Foreign),
            ("adl_autoclose", Owner::Foreign),
            ("settlement_autoclose-1", Owner::Foreign),
            ("web_abc", Owner::Foreign),
            ("", Owner::Foreign),
        ] {
            assert_eq!(ours.decode(text), owner, "{text}");
        }
    }

    #[test]
    fn instance_names_that_could_break_an_id_are_refused() {
        for name in ["", "a-b", "A", "a_b", "abcdefghijk", "é", "a b"] {
            assert_eq!(ClientIds::new(name), Err(InstanceError), "{name}");
        }
    }

    proptest! {
        #![proptest_config(crate::binance::seeded(2_000))]

        #[test]
        fn every_id_survives_the_wire(instance in "[a-z0-9]{1,10}", session: u32, seq: u32) {
            let codec = ids(&instance);
            let id = OrderId { session, seq };
            let text = codec.encode(id);
            prop_assert!(text.len() < ID_MAX);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            prop_assert_eq!(codec.decode(&text), Owner::Ours(id));
        }

        #[test]
        fn any_text_has_an_owner(text in ".{0,40}") {
            let codec = ids("a1");
            if let Owner::Ours(id) = codec.decode(&text) {
                let again = codec.encode(id);
                prop_assert_eq!(again.as_str(), text);
            }
        }
    }
}
