//! The one table of exit codes; every binary ends with one of these.

/// How a process ends. Codes not listed here are reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Pass, done, or observed.
    Done,
    /// No verdict: a counterpart other than telemetry failed, or I/O did.
    NoVerdict,
    /// The command line is wrong.
    Usage,
    /// The configuration, a policy, an SLO, a query or a reference is invalid.
    Invalid,
    /// Credentials are missing or were refused.
    Credentials,
    /// Denied, failed, invalid signature, irreversible.
    Fail,
    /// Not enough evidence yet.
    Inconclusive,
    /// Telemetry is missing, stale, partial or unreachable.
    Blind,
    /// Parked, waiting for somebody or something.
    Pending,
    /// A lock, freeze, hold or drift is in the way.
    Blocked,
    /// A deadline passed.
    Expired,
    /// An effect could be neither finished nor undone: a person must look.
    Stuck,
    /// A bug in liftlock.
    Bug,
    /// Ended by SIGINT.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
}

impl Exit {
    /// Every variant, for tables in tests and documents.
    pub const ALL: [Self; 15] = [
        Self::Done,
        Self::NoVerdict,
        Self::Usage,
        Self::Invalid,
        Self::Credentials,
        Self::Fail,
        Self::Inconclusive,
        Self::Blind,
        Self::Pending,
        Self::Blocked,
        Self::Expired,
        Self::Stuck,
        Self::Bug,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// How bad it is beside others, where one process has to tell of several:
    /// what a person must look at, then what nobody knows, then what failed,
    /// then what waits.
    #[must_use]
    pub const fn weight(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Pending => 1,
            Self::Blocked => 2,
            Self::Expired => 3,
            Self::Inconclusive => 4,
            Self::Blind => 5,
            Self::Fail => 6,
            Self::NoVerdict => 7,
            Self::Credentials => 8,
            Self::Invalid => 9,
            Self::Usage => 10,
            Self::Stuck => 11,
            Self::Interrupted => 12,
            Self::Terminated => 13,
            Self::Bug => 14,
        }
    }

    /// The process exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NoVerdict => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Credentials => 4,
            Self::Fail => 10,
            Self::Inconclusive => 11,
            Self::Blind => 12,
            Self::Pending => 13,
            Self::Blocked => 14,
            Self::Expired => 15,
            Self::Stuck => 16,
            Self::Bug => 70,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_endings_share_a_code() {
        let mut codes = Exit::ALL.map(Exit::code).to_vec();
        codes.dedup();
        assert_eq!(
            codes,
            [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 16, 70, 130, 143]
        );
    }
}
