//! Makes a recipe shorter as long as the same goes wrong.

use uphold_core::RespawnBudget;

use super::recipe::Recipe;

/// The most times that a recipe is played.
const MOST_PLAYS: usize = 4000;

/// The kind of a fault: its words without names and numbers.
pub fn kind(fault: &str) -> String {
    let words = fault.split([':', '{', '[']).rfind(|part| part.contains(' ')).unwrap_or(fault);
    let is_name = |word: &str| word.contains(|letter: char| letter.is_ascii_digit());
    words.split_whitespace().filter(|word| !is_name(word)).collect::<Vec<_>>().join(" ")
}

/// The search for a shorter recipe.
struct Search {
    kind: String,
    plays: usize,
}

impl Search {
    /// Whether the same goes wrong.
    fn holds(&mut self, recipe: &Recipe) -> bool {
        self.plays += 1;
        self.plays <= MOST_PLAYS && recipe.fault().is_some_and(|fault| kind(&fault) == self.kind)
    }

    /// Leaves out parts of a list, large ones first.
    fn thin<T: Clone>(&mut self, recipe: &mut Recipe, list: fn(&mut Recipe) -> &mut Vec<T>) -> bool {
        let before = list(recipe).len();
        let mut size = before.div_ceil(2);
        while size > 0 {
            let mut end = list(recipe).len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut shorter = recipe.clone();
                list(&mut shorter).drain(start..end);
                if self.holds(&shorter) {
                    *recipe = shorter;
                }
                end = start.min(list(recipe).len());
            }
            size /= 2;
        }
        list(recipe).len() < before
    }

    /// Leaves out lines of the job files.
    fn thin_files(&mut self, recipe: &mut Recipe) -> bool {
        let mut shorter_at_all = false;
        for place in 0..recipe.files.len() {
            let mut line = recipe.files[place].1.lines().count();
            while line > 0 {
                line -= 1;
                let mut shorter = recipe.clone();
                let lines = recipe.files[place].1.lines().enumerate().filter(|(other, _)| *other != line);
                shorter.files[place].1 = lines.map(|(_, text)| format!("{text}\n")).collect();
                if self.holds(&shorter) {
                    *recipe = shorter;
                    shorter_at_all = true;
                }
            }
        }
        shorter_at_all
    }

    /// Replaces what is special by what is usual.
    fn plain(&mut self, recipe: &mut Recipe) {
        let changes: [fn(&mut Recipe); 4] = [
            |recipe| recipe.bound = 0,
            |recipe| recipe.strict = false,
            |recipe| recipe.budget = RespawnBudget::default(),
            |recipe| recipe.size = "medium",
        ];
        for change in changes {
            let mut plainer = recipe.clone();
            change(&mut plainer);
            if self.holds(&plainer) {
                *recipe = plainer;
            }
        }
    }
}

/// The shortest recipe found with which the same goes wrong.
pub fn shrink(recipe: &Recipe, fault: &str) -> Recipe {
    let mut search = Search { kind: kind(fault), plays: 0 };
    let mut shortest = recipe.clone();
    search.plain(&mut shortest);
    loop {
        let steps = search.thin(&mut shortest, |recipe| &mut recipe.steps);
        let files = search.thin(&mut shortest, |recipe| &mut recipe.files);
        let lines = search.thin_files(&mut shortest);
        if !(steps || files || lines) {
            return shortest;
        }
    }
}
