//! How sure a verdict has to be, and what is close enough.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::mean::PARTS;
use super::number::{count, real};
use super::policy::Invalid;
use crate::percent::Percent;

/// The parts of the risk that the e-process and the group-sequential test
/// spend. The rest stays in reserve for rounding.
const WHENEVER: f64 = 0.29;
const PLANNED: f64 = 0.7;

/// A chance of a wrong verdict, above 0 and at most a half.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "f64", into = "f64")]
pub struct Risk(f64);

impl Risk {
    pub(super) const ONE_PERCENT: Self = Self(0.01);
    pub(super) const FIVE_PERCENT: Self = Self(0.05);

    /// What `ln E` has to reach against a healthy canary, when this is the
    /// whole risk.
    #[must_use]
    pub fn fail_threshold(self) -> f64 {
        -libm::log(self.0 * WHENEVER)
    }

    /// What looks of a planned watch may spend of it.
    #[must_use]
    pub fn planned(self) -> f64 {
        self.0 * PLANNED
    }

    /// What `ln E` has to reach.
    #[must_use]
    pub fn threshold(self) -> f64 {
        -libm::log(self.0)
    }
}

impl TryFrom<f64> for Risk {
    type Error = Invalid;

    fn try_from(risk: f64) -> Result<Self, Invalid> {
        if (1e-9..=0.5).contains(&risk) {
            Ok(Self(risk))
        } else {
            Err(Invalid::Risk(risk.to_string()))
        }
    }
}

impl From<Risk> for f64 {
    fn from(risk: Risk) -> Self {
        risk.0
    }
}

impl FromStr for Risk {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = |_| Invalid::Risk(text.to_owned());
        let risk: f64 = match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map_err(refused)? / 100.0,
            None => text.parse().map_err(refused)?,
        };
        Self::try_from(risk).map_err(|_out_of_range| Invalid::Risk(text.to_owned()))
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// A standard deviation of the logarithm of odds ratios, up to 50 %.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Percent", into = "Percent")]
pub struct Spread(Percent);

impl Spread {
    pub(super) const TENTH: Self = Self(Percent::TENTH);

    /// The standard deviation.
    #[must_use]
    pub fn deviation(self) -> f64 {
        self.0.fraction()
    }
}

impl TryFrom<Percent> for Spread {
    type Error = Invalid;

    fn try_from(spread: Percent) -> Result<Self, Invalid> {
        if spread <= Percent::HALF {
            Ok(Self(spread))
        } else {
            Err(Invalid::Spread(spread.to_string()))
        }
    }
}

impl From<Spread> for Percent {
    fn from(spread: Spread) -> Self {
        spread.0
    }
}

impl FromStr for Spread {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || Invalid::Spread(text.to_owned());
        let percent: Percent = text.parse().map_err(|_not_percent| refused())?;
        Self::try_from(percent)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// An odds ratio from 1 to 10.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "f64", into = "f64")]
pub struct Margin(f64);

impl Margin {
    pub(super) const NONE: Self = Self(1.0);
    pub(super) const HALF_MORE: Self = Self(1.5);

    /// The odds ratio.
    #[must_use]
    pub const fn ratio(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Margin {
    type Error = Invalid;

    fn try_from(ratio: f64) -> Result<Self, Invalid> {
        if (1.0..=10.0).contains(&ratio) {
            Ok(Self(ratio))
        } else {
            Err(Invalid::Margin(ratio.to_string()))
        }
    }
}

impl From<Margin> for f64 {
    fn from(margin: Margin) -> Self {
        margin.0
    }
}

impl FromStr for Margin {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || Invalid::Margin(text.to_owned());
        text.parse()
            .ok()
            .and_then(|ratio: f64| Self::try_from(ratio).ok())
            .ok_or_else(refused)
    }
}

impl fmt::Display for Margin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// The most that a value may be; larger ones count as this. Above 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "f64", into = "f64")]
pub struct Most(f64);

impl Most {
    /// The value.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }

    /// A value in [`PARTS`] of this, to the nearest.
    #[must_use]
    pub fn parts(self, value: f64) -> u64 {
        let parts = value / self.0 * real(PARTS.into());
        count(parts - 0.5).min(PARTS)
    }
}

impl FromStr for Most {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let most = text.parse().ok();
        most.and_then(|most: f64| Self::try_from(most).ok())
            .ok_or_else(|| Invalid::Most(text.to_owned()))
    }
}

impl TryFrom<f64> for Most {
    type Error = Invalid;

    fn try_from(most: f64) -> Result<Self, Invalid> {
        if most.is_normal() && most > 0.0 {
            Ok(Self(most))
        } else {
            Err(Invalid::Most(most.to_string()))
        }
    }
}

impl From<Most> for f64 {
    fn from(most: Most) -> Self {
        most.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::{Against, Policy};

    #[test]
    fn limits_that_let_everything_through_are_refused() {
        for text in ["nan", "inf", "0", "-1", "0.6", "60%", "", "%", "1e-30"] {
            assert!(text.parse::<Risk>().is_err(), "{text}");
        }
        for text in ["nan", "inf", "0.9", "11", ""] {
            assert!(text.parse::<Margin>().is_err(), "{text}");
        }
        for text in ["nan", "51%", "-1%", "0.6", ""] {
            assert!(text.parse::<Spread>().is_err(), "{text}");
        }
        assert!((Policy::default().spread.deviation() - 0.1).abs() < 1e-12);
        for most in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Most::try_from(most).is_err(), "{most}");
        }
        for text in ["0%", "100%"] {
            assert!(Against::slo(text.parse().unwrap()).is_err(), "{text}");
        }
        assert_eq!("1%".parse::<Risk>(), Risk::try_from(0.01));
        assert!((Risk(0.01).threshold() - 4.605_170_186).abs() < 1e-9);
    }
}
