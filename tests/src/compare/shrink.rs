//! Differences made small: what a case does not need in order to differ is left out.

/// Leaves out as many pieces as possible while `differs` says that a difference remains. It is asked about many
/// candidates at once, and answers for each.
pub fn smallest<T: Clone>(pieces: Vec<T>, mut differs: impl FnMut(&[Vec<T>]) -> Vec<bool>) -> Vec<T> {
    let mut pieces = pieces;
    let mut size = pieces.len();
    while size > 0 && !pieces.is_empty() {
        let candidates: Vec<Vec<T>> = (0..pieces.len()).step_by(size).map(|at| without(&pieces, at, size)).collect();
        match differs(&candidates).iter().position(|&differs| differs) {
            Some(at) => {
                pieces.clone_from(&candidates[at]);
                size = size.min(pieces.len());
            }
            None => size /= 2,
        }
    }
    pieces
}

fn without<T: Clone>(pieces: &[T], at: usize, size: usize) -> Vec<T> {
    let end = pieces.len().min(at + size);
    [&pieces[..at], &pieces[end..]].concat()
}

/// A text in lines, each with its newline.
pub fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// A text in words, each with the blanks after it.
pub fn words(text: &str) -> Vec<String> {
    text.split_inclusive([' ', '\n', '\t']).map(str::to_owned).collect()
}

/// A text in characters.
pub fn characters(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_is_left_out() {
        let needs = |text: &str| text.contains('b') && text.contains("y y");
        let judge = |candidates: &[Vec<String>]| candidates.iter().map(|it| needs(&it.concat())).collect();
        let text = "a a b\nc\nx y y z\nlast\n";
        let text = smallest(lines(text), judge).concat();
        assert_eq!(text, "a a b\nx y y z\n");
        let text = smallest(words(&text), judge).concat();
        let text = smallest(characters(&text), judge).concat();
        assert_eq!(text, "by y");
    }
}
