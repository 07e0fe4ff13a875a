//! Figures with their bounds.

use std::time::Duration;

/// All figures of a run.
#[derive(Default)]
pub struct Report {
    broken: Vec<String>,
}

impl Report {
    /// Prints a heading.
    pub fn section(&self, title: &str) {
        println!("\n{title}");
    }

    /// Prints a figure without a bound.
    pub fn figure(&self, name: &str, value: impl std::fmt::Display) {
        println!("  {name:<58} {value:>14}");
    }

    /// Prints a figure and checks its bound.
    pub fn bounded(&mut self, name: &str, value: f64, bound: f64, unit: &str) {
        let fine = value <= bound;
        let verdict = if fine { "pass" } else { "FAIL" };
        println!("  {name:<58} {:>14}  bound {bound}{unit}  {verdict}", format!("{value:.2}{unit}"));
        if !fine {
            self.broken.push(name.to_owned());
        }
    }

    /// Prints a figure of a variant, with a bound that is not promised and not checked.
    pub fn compared(&self, name: &str, value: f64, bound: f64, unit: &str) {
        let verdict = if value <= bound { "within" } else { "above" };
        println!("  {name:<58} {:>14}  ({verdict} {bound}{unit}; not promised)", format!("{value:.2}{unit}"));
    }

    /// The exceeded bounds.
    pub fn broken(self) -> Vec<String> {
        self.broken
    }
}

/// The median.
pub fn median<T: Copy + PartialOrd>(samples: &[T]) -> T {
    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("samples can be compared"));
    sorted[sorted.len() / 2]
}

/// The ratio of two times: the median of the ratios of all rounds, so that a round on a busy machine affects both times
/// and counts once.
pub fn ratio(ours: &[Duration], bare: &[Duration]) -> f64 {
    let ratios = ours.iter().zip(bare).map(|(ours, bare)| ours.as_secs_f64() / bare.as_secs_f64());
    median(&ratios.collect::<Vec<f64>>())
}

/// The median in milliseconds, with the quickest and the slowest.
pub fn spread(samples: &[Duration]) -> String {
    let ms = |duration: Option<&Duration>| duration.map_or(0.0, |duration| duration.as_secs_f64() * 1e3);
    format!("{:.2} ms", ms(Some(&median(samples))))
        + &format!(" [{:.2}..{:.2}]", ms(samples.iter().min()), ms(samples.iter().max()))
}
