//! Where an estimate interpolates: the convex hull of the profiles' (ln prompt, ln output) (R13).

use crate::benchmark::TrafficProfile;

/// Rounding of logarithms; tokens are whole numbers, so real distances are far larger.
const ROUNDING: f64 = 1e-9;

type Point = (f64, f64);

/// Whether `profile` lies in the convex hull of `profiles`, or on its edge. Profiles on one line
/// span that line alone.
pub(super) fn contains(profiles: &[TrafficProfile], profile: TrafficProfile) -> bool {
    let Some(point) = point(profile) else {
        return false;
    };
    let mut points: Vec<_> = profiles.iter().copied().filter_map(self::point).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.dedup();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return false;
    };
    let is_between =
        |low: f64, value: f64, high: f64| (low - ROUNDING..=high + ROUNDING).contains(&value);
    // From left to right along the lower edge, and back along the upper one: inside is left of both.
    is_between(first.0, point.0, last.0)
        && edge(points.iter().copied(), point)
        && edge(points.iter().rev().copied(), point)
        && {
            let outputs = || points.iter().map(|it| it.1);
            is_between(
                outputs().fold(f64::INFINITY, f64::min),
                point.1,
                outputs().fold(f64::NEG_INFINITY, f64::max),
            )
        }
}

/// `None` for a profile without tokens, which has no logarithm.
fn point(profile: TrafficProfile) -> Option<Point> {
    let tokens = |tokens: i32| (tokens > 0).then(|| f64::from(tokens).ln());
    Some((
        tokens(profile.prompt_tokens)?,
        tokens(profile.output_tokens)?,
    ))
}

/// Whether `point` is on the left of, or on, one half of the hull.
fn edge(points: impl Iterator<Item = Point>, point: Point) -> bool {
    let mut half: Vec<Point> = Vec::new();
    for next in points {
        while let [.., a, b] = half[..]
            && turn(a, b, next) <= 0.0
        {
            half.pop();
        }
        half.push(next);
    }
    half.windows(2)
        .all(|edge| turn(edge[0], edge[1], point) >= -ROUNDING)
}

/// Above zero where a, b, c turn left.
fn turn(a: Point, b: Point, c: Point) -> f64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(profiles: &[&str], profile: &str) -> bool {
        let profiles: Vec<_> = profiles.iter().map(|it| it.parse().unwrap()).collect();
        contains(&profiles, profile.parse().unwrap())
    }

    const SHIPPED: [&str; 4] = ["512/256", "1024/1024", "4096/512", "10240/1536"];

    #[test]
    fn between_the_profiles_is_inside() {
        for within in ["2048/512", "1024/512", "4096/1024", "2000/700"] {
            assert!(inside(&SHIPPED, within), "{within}");
        }
        for beyond in ["256/128", "512/512", "1024/256", "8192/1024", "10240/1537"] {
            assert!(!inside(&SHIPPED, beyond), "{beyond}");
        }
    }

    #[test]
    fn corners_and_edges_are_inside() {
        for corner in SHIPPED {
            assert!(inside(&SHIPPED, corner), "{corner}");
        }
        let square = ["100/100", "100/400", "400/100", "400/400"];
        for edge in ["100/200", "200/100", "400/200", "200/400", "200/200"] {
            assert!(inside(&square, edge), "{edge}");
        }
        for beyond in ["99/200", "200/99", "401/200", "200/401"] {
            assert!(!inside(&square, beyond), "{beyond}");
        }
    }

    #[test]
    fn profiles_on_a_line_span_that_line_alone() {
        let line = ["100/100", "200/200", "400/400", "800/800"];
        assert!(inside(&line, "300/300"));
        for beyond in ["300/301", "301/300", "99/99", "801/801"] {
            assert!(!inside(&line, beyond), "{beyond}");
        }
        let upright = ["100/100", "100/200", "100/400"];
        assert!(inside(&upright, "100/300"));
        assert!(!inside(&upright, "101/300") && !inside(&upright, "100/401"));
        assert!(inside(&["7/7"], "7/7") && !inside(&["7/7"], "7/8") && !inside(&[], "7/7"));
    }

    #[test]
    fn a_profile_without_tokens_is_nowhere() {
        let none = TrafficProfile {
            prompt_tokens: 0,
            output_tokens: -5,
        };
        assert!(!contains(&[none, none], none));
    }
}
