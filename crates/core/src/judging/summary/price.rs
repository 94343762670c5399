//! What an hour costs, as its user writes it: `2.50/h`, `$2.50/h/gpu`, `18 EUR/h`.

/// Characters of a currency's name.
const CURRENCY_MAX: usize = 4;
/// An hour that costs more is a mistake.
const PRICE_MAX: f64 = 1e7;

/// A price.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// What an hour costs.
    pub per_hour: f64,
    /// Whether of one GPU, or of the whole machine.
    pub per: PricedThing,
    /// As it was written; it may be empty.
    pub currency: String,
}

/// What costs so much an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PricedThing {
    /// A machine with all that is in it.
    Machine,
    /// Each GPU.
    Gpu,
}

impl Price {
    /// Reads it; None where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (amount, per) = match text.strip_suffix("/gpu") {
            Some(rest) => (rest, PricedThing::Gpu),
            None => (text, PricedThing::Machine),
        };
        let amount = amount.strip_suffix("/h")?;
        let is_of_number = |character: char| character.is_ascii_digit() || character == '.';
        let number = amount.trim_matches(|character| !is_of_number(character));
        let currency = amount.replacen(number, "", 1).trim().to_owned();
        let is_currency = |character: char| {
            character.is_alphabetic() || matches!(character, '$' | '€' | '£' | '¥' | '₹')
        };
        let per_hour = number.parse().ok()?;
        let is_sound = currency.chars().all(is_currency)
            && currency.chars().count() <= CURRENCY_MAX
            && (0.0..PRICE_MAX).contains(&per_hour);
        is_sound.then_some(Self {
            per_hour,
            per,
            currency,
        })
    }

    /// An amount in its currency: `$12.40`, `12.40 EUR`.
    pub fn write(&self, amount: f64) -> String {
        let currency = &self.currency;
        if currency.is_empty() {
            format!("{amount:.2}")
        } else if currency.chars().all(char::is_alphabetic) {
            format!("{amount:.2} {currency}")
        } else {
            format!("{currency}{amount:.2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_as_people_write_it() {
        use PricedThing::{Gpu, Machine};
        for (text, expected) in [
            ("2.50/h", Some((2.5, Machine, "12.40"))),
            ("$2/h/gpu", Some((2.0, Gpu, "$12.40"))),
            (" 18 EUR/h ", Some((18.0, Machine, "12.40 EUR"))),
            ("EUR18/h", Some((18.0, Machine, "12.40 EUR"))),
            ("2.50", None),
            ("2.50/month", None),
            ("-2/h", None),
            ("1.2.3/h", None),
            ("/h", None),
            ("1e9/h", None),
            ("99999999/h", None),
            ("2 \u{1b}[31m/h", None),
        ] {
            let price = Price::parse(text);
            let found = price
                .as_ref()
                .map(|price| (price.per_hour, price.per, price.write(12.4)));
            let expected = expected.map(|(per_hour, per, text)| (per_hour, per, text.to_owned()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
