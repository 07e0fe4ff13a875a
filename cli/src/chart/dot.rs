//! A graph in the language of Graphviz.

use std::fmt::Write as _;

use super::model::{Edge, EdgeKind, Graph, Node, NodeKind};

/// The beginning: from left to right, readable on white paper.
const HEAD: &str = "digraph jobs {
    rankdir=LR;
    bgcolor=white;
    node [fontname=\"sans-serif\", fontsize=11, style=filled, fillcolor=white];
    edge [fontname=\"sans-serif\", fontsize=9];
";

/// The graph as dot. The names of nodes begin with `job:` or `event:`, since an event may have the name of a job.
pub fn text(graph: &Graph) -> String {
    let mut text = HEAD.to_owned();
    for node in &graph.nodes {
        let shape = match node.kind {
            NodeKind::Job => "shape=box",
            NodeKind::MissingJob => "shape=box, style=\"dashed\"",
            NodeKind::Event => "shape=ellipse, fillcolor=\"#f2f2f2\"",
        };
        let tooltip = if node.about.is_empty() { &node.name } else { &node.about };
        let attributes = format!("label=\"{}\", {shape}, tooltip=\"{}\"", shown(&node.name), shown(tooltip));
        // Writing to a string does not fail.
        let _ = writeln!(text, "    {} [{attributes}];", name(node));
    }
    for Edge { from, to, kind, event } in &graph.edges {
        let style = match kind {
            EdgeKind::StartOn => "color=\"#1a4f9c\"",
            EdgeKind::StopOn => "color=\"#a51d2d\", style=dashed, arrowhead=tee",
            EdgeKind::Emits => "color=\"#1e6b2e\", style=dotted, arrowhead=vee",
        };
        let what = shown(&format!("{} {event}", kind.stanza()));
        let [from, to] = [from, to].map(|&at| name(&graph.nodes[at]));
        let _ = writeln!(text, "    {from} -> {to} [{style}, tooltip=\"{what}\", edgetooltip=\"{what}\"];");
    }
    text.push_str("}\n");
    text
}

/// The quoted name of a node. A quotation mark is the only thing that has to be escaped in it.
fn name(node: &Node) -> String {
    let kind = if node.kind == NodeKind::Event { "event" } else { "job" };
    format!("\"{kind}:{}\"", shown(&node.name))
}

/// Text that Graphviz shows as it is: it reads escapes that begin with a backslash, and those of XML.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars() {
        match letter {
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            letter => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_as_they_are() {
        assert_eq!(shown("a\"b\\c&d<e>"), "a\\\"b\\\\c&amp;d&lt;e&gt;");
    }
}
