//! The queueing law of one configuration (R13): what a request of some length waits for at some rate.

use super::least_squares::{self, Equation};
use crate::recommend::compliance::P95s;

/// Fits of the ITL, each weighted by the one before.
const ROUNDS: usize = 8;
/// A replica is never taken to be fuller than this when a row's weight is worked out, so that no
/// row near saturation outweighs all others.
const LEAST_IDLE: f64 = 0.05;

/// How long requests are: mean tokens, and the standard deviation of the output's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) prompt: f64,
    pub(super) output: f64,
    pub(super) output_stdev: f64,
}

impl Shape {
    /// Mean tokens that a request holds in the cache while its output is made.
    fn context(&self) -> f64 {
        self.prompt + self.output / 2.0
    }

    /// The output of the longest 5 %.
    fn long_output(&self) -> f64 {
        self.output + 1.645 * self.output_stdev
    }
}

/// A benchmark as the law sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) shape: Shape,
    /// Offered rate, requests per second.
    pub(super) rps: f64,
    /// All finite and above zero, ms.
    pub(super) p95s: P95s,
}

/// With L the rate, p and o the tokens, s the output's standard deviation:
///
/// - ITL = (t0 + t1 (p + o/2)) / (1 - L (a p + b o + c o (p + o/2)))
/// - TTFT = c0 + c1 p + c2 p^2 + c3 L p^2 + c4 ITL
/// - E2E = d1 TTFT + d2 (o + 1.645 s) ITL + d3 o ITL
///
/// No coefficient is below zero, so a higher rate never promises less latency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Law {
    step: [f64; 2],
    busy: [f64; 3],
    ttft: [f64; 5],
    e2e: [f64; 3],
}

impl Law {
    /// The law that is least wrong about the points, each error taken relative to its latency.
    pub(super) fn fit(points: &[Point]) -> Self {
        let (step, busy) = fit_itl(points);
        let ttft = points.iter().map(|point| {
            let [ttft, itl, _] = point.p95s;
            relative(ttft_terms(&point.shape, point.rps, itl), ttft)
        });
        let e2e = points.iter().map(|point| {
            let [ttft, itl, e2e] = point.p95s;
            relative(e2e_terms(&point.shape, ttft, itl), e2e)
        });
        Self {
            step,
            busy,
            ttft: least_squares::non_negative(&ttft.collect::<Vec<_>>()),
            e2e: least_squares::non_negative(&e2e.collect::<Vec<_>>()),
        }
    }

    /// The share of a replica's time that this rate takes; 1 is saturation.
    pub(super) fn load(&self, shape: &Shape, rps: f64) -> f64 {
        rps * self.load_per_rps(shape)
    }

    pub(super) fn load_per_rps(&self, shape: &Shape) -> f64 {
        dot(&self.busy, &busy_terms(shape))
    }

    /// p95s at a rate, ms; `None` from saturation on.
    pub(super) fn p95s(&self, shape: &Shape, rps: f64) -> Option<P95s> {
        let idle = 1.0 - self.load(shape, rps);
        if idle <= 0.0 {
            return None;
        }
        let itl = dot(&self.step, &[1.0, shape.context()]) / idle;
        let ttft = dot(&self.ttft, &ttft_terms(shape, rps, itl));
        let e2e = dot(&self.e2e, &e2e_terms(shape, ttft, itl));
        let p95s = [ttft, itl, e2e];
        p95s.iter()
            .all(|ms| ms.is_finite() && *ms > 0.0)
            .then_some(p95s)
    }
}

/// Solved for 1 = t0/ITL + t1 (p + o/2)/ITL + L (a p + b o + c o (p + o/2)). Its error is that of
/// the ITL times the idle share, so each round divides by the idle share of the one before.
fn fit_itl(points: &[Point]) -> ([f64; 2], [f64; 3]) {
    let mut step = [0.0; 2];
    let mut busy = [0.0; 3];
    for _ in 0..ROUNDS {
        let equations: Vec<Equation<5>> = points
            .iter()
            .map(|Point { shape, rps, p95s }| {
                let itl = p95s[1];
                let [prompt, output, context] = busy_terms(shape).map(|term| term * rps);
                let idle = 1.0 - dot(&busy, &[prompt, output, context]);
                let terms = [1.0 / itl, shape.context() / itl, prompt, output, context];
                (terms, 1.0 / idle.max(LEAST_IDLE))
            })
            .collect();
        let [t0, t1, a, b, c] = least_squares::non_negative(&equations);
        step = [t0, t1];
        busy = [a, b, c];
    }
    (step, busy)
}

fn busy_terms(shape: &Shape) -> [f64; 3] {
    [shape.prompt, shape.output, shape.output * shape.context()]
}

fn ttft_terms(shape: &Shape, rps: f64, itl: f64) -> [f64; 5] {
    let squared = shape.prompt * shape.prompt;
    [1.0, shape.prompt, squared, rps * squared, itl]
}

fn e2e_terms(shape: &Shape, ttft: f64, itl: f64) -> [f64; 3] {
    [ttft, shape.long_output() * itl, shape.output * itl]
}

fn relative<const K: usize>(terms: [f64; K], ms: f64) -> Equation<K> {
    (terms.map(|term| term / ms), 1.0)
}

fn dot<const K: usize>(a: &[f64; K], b: &[f64; K]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAW: Law = Law {
        step: [9.0, 4e-4],
        busy: [1.5e-5, 4e-5, 2e-9],
        ttft: [12.0, 0.03, 4e-7, 2e-7, 1.5],
        e2e: [1.1, 0.6, 0.35],
    };

    fn shape(prompt: f64, output: f64) -> Shape {
        Shape {
            prompt,
            output,
            output_stdev: 64.0 + output / 11.0,
        }
    }

    fn points() -> Vec<Point> {
        let shapes = [
            (512.0, 256.0),
            (1024.0, 1024.0),
            (4096.0, 512.0),
            (10240.0, 1536.0),
        ];
        shapes
            .into_iter()
            .map(|(prompt, output)| shape(prompt, output))
            .flat_map(|shape| {
                [0.1, 0.3, 0.5, 0.7, 0.85].map(|load| {
                    let rps = load / LAW.load_per_rps(&shape);
                    Point {
                        shape,
                        rps,
                        p95s: LAW.p95s(&shape, rps).unwrap(),
                    }
                })
            })
            .collect()
    }

    #[test]
    fn the_coefficients_that_made_the_points_are_found() {
        let found = Law::fit(&points());
        let flat = |law: &Law| [&law.step[..], &law.busy, &law.ttft, &law.e2e].concat();
        for (found, known) in flat(&found).into_iter().zip(flat(&LAW)) {
            assert!((found / known - 1.0).abs() < 1e-4, "{found} for {known}");
        }
    }

    #[test]
    fn a_profile_that_was_not_fitted_is_predicted() {
        let law = Law::fit(&points());
        let unseen = shape(2048.0, 512.0);
        let rps = 0.6 / LAW.load_per_rps(&unseen);
        let [found, known] = [law, LAW].map(|law| law.p95s(&unseen, rps).unwrap());
        for (found, known) in found.into_iter().zip(known) {
            assert!((found / known - 1.0).abs() < 1e-6, "{found} for {known}");
        }
    }

    #[test]
    fn from_saturation_on_nothing_is_promised() {
        let shape = shape(512.0, 256.0);
        let saturation = 1.0 / LAW.load_per_rps(&shape);
        assert!(LAW.p95s(&shape, saturation * 0.999).is_some());
        assert_eq!(LAW.p95s(&shape, saturation * 1.001), None);
    }

    #[test]
    fn no_points_make_no_promise() {
        assert_eq!(Law::fit(&[]).p95s(&shape(512.0, 256.0), 1.0), None);
    }
}
