//! Which cells of a run a page is made of: all, or of a run with more than a page can hold the first personas' in the study's order; where one
//! persona alone is too many, its first items'. Keeps no more than it shows while rows come in whatever order.

use crate::output::records::CellRow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A persona's and an item's places in the study. What the study does not name comes last.
type Place = (usize, usize);

/// The rows at the temperature nearest to 1, the lower of two.
pub struct ShownCells {
    row_count_max: usize,
    personas: HashMap<String, usize>,
    items: HashMap<String, usize>,
    temperatures: BTreeSet<u64>,
    temperature: Option<f64>,
    rows: Vec<CellRow>,
    /// How many rows are kept of each place; those of others are still in `rows` and will go.
    kept: BTreeMap<Place, usize>,
    kept_count: usize,
    /// The first persona that is not shown, and of the only one the first item.
    end: Place,
}

/// What is left.
pub struct Shown {
    pub rows: Vec<CellRow>,
    /// All there are, ascending.
    pub temperatures: Vec<f64>,
    pub is_all: bool,
}

const NO_END: Place = (usize::MAX, usize::MAX);

impl ShownCells {
    /// Of at most so many rows, unless one item of one persona has more; `order` is the study's order of ids by column.
    pub fn new(row_count_max: usize, order: &BTreeMap<String, Vec<String>>) -> Self {
        let places = |column: &str| {
            let ids = order.get(column).into_iter().flatten();
            ids.enumerate().map(|(place, id)| (id.clone(), place)).collect()
        };
        ShownCells {
            row_count_max,
            personas: places("persona"),
            items: places("item"),
            temperatures: BTreeSet::new(),
            temperature: None,
            rows: Vec::new(),
            kept: BTreeMap::new(),
            kept_count: 0,
            end: NO_END,
        }
    }

    pub fn add(&mut self, row: CellRow) {
        self.temperatures.insert(row.temperature.to_bits());
        match self.temperature.map_or(Ordering::Less, |kept| nearer_to_one(row.temperature, kept)) {
            Ordering::Greater => return,
            Ordering::Equal => (),
            Ordering::Less => {
                // What was kept so far is not what is reported.
                self.temperature = Some(row.temperature);
                self.rows.clear();
                self.kept.clear();
                self.kept_count = 0;
                self.end = NO_END;
            }
        }
        let place = self.place(&row);
        if !self.is_within(place) {
            return;
        }
        *self.kept.entry(place).or_default() += 1;
        self.kept_count += 1;
        self.rows.push(row);
        while self.kept_count > self.row_count_max && self.let_go() {}
        if self.rows.len() > 2 * self.kept_count.max(self.row_count_max / 2) {
            self.clear_out();
        }
    }

    fn place(&self, row: &CellRow) -> Place {
        let place =
            |places: &HashMap<String, usize>, id: &str| places.get(id).copied().unwrap_or(usize::MAX - 1);
        (place(&self.personas, &row.persona), place(&self.items, &row.item))
    }

    fn is_within(&self, (persona, item): Place) -> bool {
        persona < self.end.0 && item < self.end.1
    }

    /// Lets go of the last persona, or where there is one alone of its last item. False where that is all there is.
    fn let_go(&mut self) -> bool {
        let (Some((&first, _)), Some((&last, _))) = (self.kept.first_key_value(), self.kept.last_key_value())
        else {
            return false;
        };
        if first == last {
            return false;
        }
        let from = match first.0 == last.0 {
            true => {
                self.end.1 = last.1;
                last
            }
            false => {
                self.end.0 = last.0;
                (last.0, 0)
            }
        };
        self.kept_count -= self.kept.split_off(&from).values().sum::<usize>();
        true
    }

    /// Drops the rows that were let go of.
    fn clear_out(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain(|row| self.is_within(self.place(row)));
        self.rows = rows;
    }

    pub fn finish(mut self) -> Shown {
        let mut temperatures: Vec<f64> = self.temperatures.iter().copied().map(f64::from_bits).collect();
        temperatures.sort_by(f64::total_cmp);
        self.clear_out();
        Shown { rows: self.rows, temperatures, is_all: self.end == NO_END }
    }
}

fn nearer_to_one(a: f64, b: f64) -> Ordering {
    (a - 1.0).abs().total_cmp(&(b - 1.0).abs()).then_with(|| a.total_cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(personas: usize, items: usize) -> BTreeMap<String, Vec<String>> {
        let ids = |letter: char, count: usize| (0..count).map(|index| format!("{letter}{index}")).collect();
        BTreeMap::from([("persona".to_owned(), ids('p', personas)), ("item".to_owned(), ids('i', items))])
    }

    fn cell_row() -> CellRow {
        let text = String::new;
        CellRow {
            cell_id: text(),
            study: text(),
            persona: text(),
            population_group: text(),
            item: text(),
            facets: BTreeMap::new(),
            language: text(),
            elicitation_format: text(),
            option_order: text(),
            item_wording: text(),
            temperature: 1.0,
            option_code: text(),
            option_label: text(),
            option_value: 1.0,
            log_prob: None,
            answer_mass: 1.0,
            probability: None,
            status: text(),
            premise_log_prob: None,
            premise_normalised_probability: None,
            expected_count: None,
        }
    }

    /// The rows of each cell, at two temperatures, of two options, shuffled by cells.
    fn rows(personas: usize, items: usize, turn: usize) -> Vec<CellRow> {
        let mut cells: Vec<(usize, usize)> =
            (0..personas).flat_map(|persona| (0..items).map(move |item| (persona, item))).collect();
        let count = cells.len();
        cells.rotate_left(turn % count);
        if turn % 2 == 1 {
            cells.reverse();
        }
        let row = |((persona, item), temperature): ((usize, usize), f64)| CellRow {
            cell_id: format!("{persona}/{item}"),
            persona: format!("p{persona}"),
            item: format!("i{item}"),
            temperature,
            ..cell_row()
        };
        let at = |cell: (usize, usize)| [0.5, 0.5, 1.0, 1.0].map(|temperature| row((cell, temperature)));
        cells.into_iter().flat_map(at).collect()
    }

    fn shown(rows: &[CellRow], most: usize, order: &BTreeMap<String, Vec<String>>) -> Shown {
        let mut cells = ShownCells::new(most, order);
        rows.iter().for_each(|row| cells.add(row.clone()));
        cells.finish()
    }

    proptest! {
        #[test]
        fn the_first_personas_whole_whatever_the_order_of_rows(
            personas in 1..6usize, items in 1..6usize, most in 1..40usize, turn in 0..40usize,
        ) {
            let order = order(personas, items);
            let found = shown(&rows(personas, items, turn), 2 * most, &order);
            let whole = (most / items).min(personas);
            let expected: BTreeSet<(String, String)> = match whole {
                // Not even one: its first items, one at the least.
                0 => (0..most.max(1)).map(|item| ("p0".to_owned(), format!("i{item}"))).collect(),
                _ => (0..whole).flat_map(|p| (0..items).map(move |i| (format!("p{p}"), format!("i{i}")))).collect(),
            };
            let told = found.rows.iter().map(|row| (row.persona.clone(), row.item.clone())).collect();
            prop_assert_eq!(&expected, &told);
            prop_assert_eq!(found.rows.len(), 2 * expected.len());
            prop_assert!(found.rows.iter().all(|row| row.temperature == 1.0));
            prop_assert_eq!(found.temperatures, vec![0.5, 1.0]);
            prop_assert_eq!(found.is_all, expected.len() == personas * items);
        }
    }
}
