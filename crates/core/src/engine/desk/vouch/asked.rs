//! Owns what the book showed at the instants at which the exchange was asked for its touch; knows nothing of answers.

use crate::book::Touch;
use crate::units::Mono;

/// Questions that are remembered. An answer to an older one, seconds late, is compared with the book as it is.
const ASKED_MAX: usize = 8;

/// The last questions, newest first.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Asked([Option<(Mono, Touch)>; ASKED_MAX]);

impl Asked {
    /// The exchange is asked while the book shows this touch.
    pub fn note(&mut self, at: Mono, touch: Touch) {
        let is_known = self.at(at).is_some();
        if !is_known {
            self.0.rotate_right(1);
            let [newest, ..] = &mut self.0;
            *newest = Some((at, touch));
        }
    }

    /// What the book showed when it was asked at this instant.
    #[must_use]
    pub fn at(&self, at: Mono) -> Option<Touch> {
        let mut known = self.0.iter().flatten();
        known.find(|(then, _)| *then == at).map(|(_, touch)| *touch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;
    use crate::units::{Lots, Ticks};

    #[test]
    fn each_of_the_last_questions_is_known_by_its_instant() {
        let touch = |price| Touch {
            bid: Level {
                price: Ticks(price),
                size: Lots(1),
            },
            ask: Level {
                price: Ticks(price + 1),
                size: Lots(1),
            },
        };
        let mut asked = Asked::default();
        for n in 0..9 {
            asked.note(Mono(n), touch(n));
            asked.note(Mono(n), touch(n + 100));
        }
        assert_eq!(asked.at(Mono(0)), None);
        for n in 1..9 {
            assert_eq!(asked.at(Mono(n)), Some(touch(n)));
        }
    }
}
