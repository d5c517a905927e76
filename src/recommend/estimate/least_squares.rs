//! Non-negative least squares for a handful of unknowns, exactly: the best of all sets of unknowns
//! that are not zero. With five unknowns there are 32, so nothing iterates and nothing can fail to
//! converge.

/// A pivot below this share of its column's length: the column is a sum of the others.
const DEPENDENT: f64 = 1e-12;

/// One equation: what the unknowns are multiplied by so that they sum to 1, and its weight.
pub(super) type Equation<const K: usize> = ([f64; K], f64);

/// The unknowns, none below zero, with the least sum of (weight x (1 - coefficients . unknowns))^2.
/// Columns of zeros, and such as are sums of others, get 0.
pub(super) fn non_negative<const K: usize>(equations: &[Equation<K>]) -> [f64; K] {
    let length = column_lengths(equations);
    let (gram, onto) = normal_equations(equations, &length);
    let mut best = [0.0; K];
    let mut explained = 0.0;
    for chosen in 1..1_usize << K {
        let Some(unknowns) = solve(&gram, &onto, chosen) else {
            continue;
        };
        let explains: f64 = (0..K).map(|i| onto[i] * unknowns[i]).sum();
        if unknowns.iter().all(|unknown| *unknown >= 0.0) && explains > explained {
            (best, explained) = (unknowns, explains);
        }
    }
    for (unknown, length) in best.iter_mut().zip(length) {
        if length > 0.0 {
            *unknown /= length;
        }
    }
    best
}

fn column_lengths<const K: usize>(equations: &[Equation<K>]) -> [f64; K] {
    let mut squares = [0.0; K];
    for (row, weight) in equations {
        for (square, value) in squares.iter_mut().zip(row) {
            *square += (value * weight).powi(2);
        }
    }
    squares.map(f64::sqrt)
}

/// Columns are brought to length 1 first: tokens and squared tokens differ by many powers of ten.
fn normal_equations<const K: usize>(
    equations: &[Equation<K>],
    length: &[f64; K],
) -> ([[f64; K]; K], [f64; K]) {
    let mut gram = [[0.0; K]; K];
    let mut onto = [0.0; K];
    for (row, weight) in equations {
        let scaled: [f64; K] = std::array::from_fn(|i| {
            if length[i] > 0.0 {
                row[i] * weight / length[i]
            } else {
                0.0
            }
        });
        for i in 0..K {
            onto[i] += scaled[i] * weight;
            for j in 0..K {
                gram[i][j] += scaled[i] * scaled[j];
            }
        }
    }
    (gram, onto)
}

/// Least squares by Cholesky's decomposition with the unknowns outside the bit set `chosen` at
/// zero; `None` where their columns depend on each other or are not finite.
fn solve<const K: usize>(gram: &[[f64; K]; K], onto: &[f64; K], chosen: usize) -> Option<[f64; K]> {
    let is_chosen = |i: usize| chosen & (1 << i) != 0;
    let mut lower = [[0.0; K]; K];
    let mut solution = [0.0; K];
    for i in (0..K).filter(|i| is_chosen(*i)) {
        for j in (0..=i).filter(|j| is_chosen(*j)) {
            let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let rest = gram[i][j] - known;
            if i != j {
                lower[i][j] = rest / lower[j][j];
            } else if rest > DEPENDENT && rest.is_finite() {
                lower[i][i] = rest.sqrt();
            } else {
                return None;
            }
        }
        let known: f64 = (0..i).map(|k| lower[i][k] * solution[k]).sum();
        solution[i] = (onto[i] - known) / lower[i][i];
    }
    for i in (0..K).rev().filter(|i| is_chosen(*i)) {
        let known: f64 = (i + 1..K).map(|k| lower[k][i] * solution[k]).sum();
        solution[i] = (solution[i] - known) / lower[i][i];
    }
    solution.iter().all(|it| it.is_finite()).then_some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_exactly_is_found() {
        let rows = [[1.0, 5.0], [2.0, 1.0], [7.0, 3.0]];
        let equations = rows.map(|[a, b]: [f64; 2]| {
            let value = 3.0 * a + 0.5 * b;
            ([a / value, b / value], 1.0)
        });
        let [a, b] = non_negative(&equations);
        assert!((a - 3.0).abs() < 1e-9 && (b - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_would_be_negative_is_zero_and_the_rest_is_best_without_it() {
        // 1 = x - y would fit exactly with y below zero.
        let equations = [([2.0, 1.0], 1.0), ([3.0, 2.0], 1.0)];
        let [x, y] = non_negative(&equations);
        assert_eq!(y, 0.0);
        assert!((x - 5.0 / 13.0).abs() < 1e-12);
    }

    #[test]
    fn weights_count() {
        let [x] = non_negative(&[([1.0], 3.0), ([2.0], 1.0)]);
        assert!((x - 11.0 / 13.0).abs() < 1e-12);
    }

    #[test]
    fn dependent_empty_and_infinite_columns_do_no_harm() {
        let [a, b, c] = non_negative(&[([1.0, 2.0, 0.0], 1.0), ([1.0, 2.0, 0.0], 1.0)]);
        assert!((a + 2.0 * b - 1.0).abs() < 1e-9 && c == 0.0);
        for hostile in [f64::NAN, f64::INFINITY, 1e200] {
            let found = non_negative(&[([hostile, 1.0], 1.0), ([1.0, 1.0], 1.0)]);
            assert!(found.iter().all(|unknown| unknown.is_finite()));
        }
        assert_eq!(non_negative::<3>(&[]), [0.0; 3]);
    }
}
