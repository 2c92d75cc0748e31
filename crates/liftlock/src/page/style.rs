//! The colours of pages, by what they mean, in light and in dark.
//!
//! Texts have a contrast of at least 4.5 to what is behind them, and lines of
//! at least 3 (WCAG 2.2, 1.4.3 and 1.4.11). No meaning rests on colour alone.

use crate::verdict::Verdict;

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Text, and the number that a figure is about.
    Text,
    /// Text beside the matter: captions, ticks.
    Quiet,
    /// The version that is judged.
    Canary,
    /// The version that is known.
    Baseline,
    /// Evidence of a fault, and a fail.
    Fail,
    /// Evidence of health, and a pass.
    Pass,
    /// Neither: too little is known, or something is in the way.
    Open,
    /// No sight.
    Blind,
    /// Lines of a grid, borders. Nobody has to see them.
    Grid,
}

/// What is behind texts and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The page.
    Page,
    /// A box on it.
    Box,
}

/// All inks, in the order of [`Ink`].
const INKS: [Ink; 9] = [
    Ink::Text,
    Ink::Quiet,
    Ink::Canary,
    Ink::Baseline,
    Ink::Fail,
    Ink::Pass,
    Ink::Open,
    Ink::Blind,
    Ink::Grid,
];

impl Ink {
    /// The name of its class.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Quiet => "quiet",
            Self::Canary => "canary",
            Self::Baseline => "baseline",
            Self::Fail => "fail",
            Self::Pass => "pass",
            Self::Open => "open",
            Self::Blind => "blind",
            Self::Grid => "grid",
        }
    }

    /// The colour on a light ground, which shapes have even where no style is
    /// allowed: some servers forbid it to pages they keep.
    #[must_use]
    pub const fn light(self) -> &'static str {
        match self {
            Self::Text => "#1f2328",
            Self::Quiet => "#57606a",
            Self::Canary => "#a33c00",
            Self::Baseline => "#0550ae",
            Self::Fail => "#b81a26",
            Self::Pass => "#116329",
            Self::Open => "#7d4e00",
            Self::Blind => "#6639ba",
            Self::Grid => "#d0d7de",
        }
    }

    /// The colour on a dark ground.
    #[must_use]
    pub const fn dark(self) -> &'static str {
        match self {
            Self::Text => "#e6edf3",
            Self::Quiet => "#9198a1",
            Self::Canary => "#f0883e",
            Self::Baseline => "#6cb6ff",
            Self::Fail => "#ff8880",
            Self::Pass => "#56d364",
            Self::Open => "#e3b341",
            Self::Blind => "#d2a8ff",
            Self::Grid => "#3d444d",
        }
    }

    /// That of a verdict.
    #[must_use]
    pub const fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail | Verdict::Stuck => Self::Fail,
            Verdict::Blind => Self::Blind,
            Verdict::Inconclusive | Verdict::Pending | Verdict::Blocked | Verdict::Expired => {
                Self::Open
            }
        }
    }
}

impl Ground {
    /// The light colour.
    #[must_use]
    pub const fn light(self) -> &'static str {
        match self {
            Self::Page => "#ffffff",
            Self::Box => "#f6f8fa",
        }
    }

    /// The dark colour.
    #[must_use]
    pub const fn dark(self) -> &'static str {
        match self {
            Self::Page => "#0d1117",
            Self::Box => "#161b22",
        }
    }
}

/// The style sheet. It holds nothing that would have to be escaped, as HTML
/// reads the text of `style` as it stands and XML does not.
#[must_use]
pub fn sheet() -> String {
    let light = variables(Ink::light, [Ground::Page.light(), Ground::Box.light()]);
    let dark = variables(Ink::dark, [Ground::Page.dark(), Ground::Box.dark()]);
    let inks = INKS.map(|ink| {
        let class = ink.class();
        format!(
            ".ink-{class}{{color:var(--{class})}}\
             .line-{class}{{stroke:var(--{class})}}\
             .fill-{class}{{fill:var(--{class})}}"
        )
    });
    let sheet = format!(
        ":root{{color-scheme:light dark;{light}}}\
         @media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\
         {}{LAYOUT}",
        inks.concat()
    );
    sheet.replace('\n', "")
}

fn variables(colour: fn(Ink) -> &'static str, [page, boxed]: [&str; 2]) -> String {
    let inks = INKS.map(|ink| format!("--{}:{};", ink.class(), colour(ink)));
    format!("--page:{page};--box:{boxed};{}", inks.concat())
}

const LAYOUT: &str = "\
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:70rem;background:var(--page);color:var(--text);\
font:1rem/1.5 system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,sans-serif;\
overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:0}
h2{font-size:1.2rem;line-height:1.3;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:1.5rem 0 .25rem}
p{margin:.5rem 0}
header{border:1px solid var(--grid);border-left-width:.5rem;border-radius:.4rem;\
background:var(--box);padding:.9rem 1rem}
.edge-pass{border-left-color:var(--pass)}
.edge-fail{border-left-color:var(--fail)}
.edge-open{border-left-color:var(--open)}
.edge-blind{border-left-color:var(--blind)}
.mark{height:1.6rem;width:1.6rem;vertical-align:-.35rem;margin-right:.5rem}
.why:last-child{margin-bottom:0}
.why{font-size:1.1rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid var(--grid);padding:.2rem .75rem .2rem 0;text-align:left;\
vertical-align:top}
th{font-weight:600}
.plain th{font-weight:400;color:var(--quiet);width:10rem}
.counts th,.counts td{text-align:right;white-space:nowrap;width:8%}
.counts tbody th{font-weight:400}
.counts th:first-child{text-align:left}
.steps th,.steps td:first-child,.steps td.time{white-space:nowrap}
.steps{min-width:62rem}
.steps code{white-space:nowrap}
.wide{overflow-x:auto}
.figures{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));\
margin:1rem 0}
figure{margin:0;border:1px solid var(--grid);border-radius:.4rem;padding:.75rem;\
background:var(--page);break-inside:avoid}
figure h3{margin:0}
figure svg{display:block;width:100%;height:auto;max-width:38rem;margin:.25rem auto 0}
figcaption{font-size:.875rem;color:var(--quiet)}
svg text{font:12px system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,sans-serif}
.hollow{fill:var(--page)}
.halo{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace}
details{margin:.75rem 0}
summary{cursor:pointer}
ul{margin:.5rem 0;padding-left:1.25rem}
footer{margin-top:2rem;border-top:1px solid var(--grid);padding-top:.75rem;\
font-size:.875rem;color:var(--quiet)}
@media (max-width:30rem){body{padding:.6rem}.plain th{width:7rem}figure{padding:.4rem}}
@media print{@page{margin:12mm}:root{font-size:12px}body{padding:0;max-width:none}\
header{print-color-adjust:exact}h2,h3{break-after:avoid}\
.figures{grid-template-columns:1fr 1fr}details:not([open]){display:none}}
";

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours (WCAG 2.2, relative luminance).
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour: &str| {
            let channel = |from: usize| {
                let value = u8::from_str_radix(&colour[from..from + 2], 16).unwrap();
                let value = f64::from(value) / 255.0;
                if value <= 0.04045 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((contrast("#767676", "#ffffff") - 4.54).abs() < 0.01);
    }

    #[test]
    fn every_text_can_be_read_on_every_ground() {
        for ink in INKS.iter().filter(|ink| **ink != Ink::Grid) {
            for ground in [Ground::Page, Ground::Box] {
                for (ink, ground) in [(ink.light(), ground.light()), (ink.dark(), ground.dark())] {
                    let found = contrast(ink, ground);
                    assert!(found >= 4.5, "{ink} on {ground}: {found}");
                }
            }
        }
    }

    #[test]
    fn the_two_arms_differ_without_hue() {
        for (one, other) in [
            (Ink::Canary.light(), Ink::Grid.light()),
            (Ink::Baseline.dark(), Ink::Grid.dark()),
        ] {
            assert!(contrast(one, other) > 3.0);
        }
    }

    #[test]
    fn the_sheet_is_plain_text_and_loads_nothing() {
        let sheet = sheet();
        for refused in ["<", ">", "&", "'", "\"", "\n", "url(", "@import", "//"] {
            assert!(!sheet.contains(refused), "{refused}");
        }
        assert_eq!(sheet.matches('{').count(), sheet.matches('}').count());
        for ink in INKS {
            assert_eq!(sheet.matches(&format!("--{}:", ink.class())).count(), 2);
        }
    }
}
