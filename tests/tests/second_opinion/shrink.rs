//! Makes a world in which the two differ small: whatever can be left out is left out, again and again.

use proptest_state_machine::ReferenceStateMachine;
use uphold_tests::happening::Happening;
use uphold_tests::opinion::{Class, Condition, Init, Witness};

use super::worlds::Model;

/// How a story ended.
pub enum End {
    /// The two agreed to its end, and a number of happenings were compared.
    Agreed { compared: usize, slowed: bool },
    /// The core and the model differed; the text shows how.
    Differed(String),
}

/// Plays a story on both.
pub fn play(classes: &[Class], steps: &[Happening]) -> End {
    let mut model = Init::new(classes.to_vec());
    let mut witness = Witness::new(&model);
    for (compared, step) in steps.iter().enumerate() {
        if !Model::preconditions(&model, step) {
            continue;
        }
        model.happen(step);
        if let Err(what) = witness.happen(&model, step) {
            return End::Differed(what);
        }
        if witness.is_over(&model) {
            return End::Agreed { compared, slowed: true };
        }
    }
    End::Agreed { compared: steps.len(), slowed: false }
}

/// The smallest difference that is found by leaving things out, and its number of steps.
pub fn shrink(mut classes: Vec<Class>, mut steps: Vec<Happening>, mut what: String) -> (String, usize) {
    loop {
        let before = (classes.clone(), steps.clone());
        let mut place = steps.len();
        while place > 0 {
            place -= 1;
            let mut fewer = steps.clone();
            fewer.remove(place);
            if let End::Differed(difference) = play(&classes, &fewer) {
                (steps, what) = (fewer, difference);
            }
        }
        while let Some((simpler, difference)) =
            simpler_worlds(&classes).into_iter().find_map(|simpler| match play(&simpler, &steps) {
                End::Differed(difference) => Some((simpler, difference)),
                End::Agreed { .. } => None,
            })
        {
            (classes, what) = (simpler, difference);
        }
        if (&classes, &steps) == (&before.0, &before.1) {
            return (what, steps.len());
        }
    }
}

/// The worlds with one thing less.
fn simpler_worlds(classes: &[Class]) -> Vec<Vec<Class>> {
    let mut all = Vec::new();
    let last = classes.len() - 1;
    if last > 0 {
        all.push(classes[..last].to_vec());
    }
    for (place, class) in classes.iter().enumerate() {
        for simpler in simpler_classes(class) {
            let mut other = classes.to_vec();
            other[place] = simpler;
            all.push(other);
        }
    }
    all
}

fn simpler_classes(class: &Class) -> Vec<Class> {
    let plain = Class::new(class.name);
    let mut all = vec![
        Class { respawn: false, ..class.clone() },
        Class { task: false, ..class.clone() },
        Class { limit: plain.limit, ..class.clone() },
        Class { normal_exit: Vec::new(), ..class.clone() },
        Class { kill_timeout: plain.kill_timeout, ..class.clone() },
        Class { instance: None, ..class.clone() },
        Class { env: Vec::new(), ..class.clone() },
        Class { export: Vec::new(), ..class.clone() },
    ];
    for place in 0..class.has.len() {
        let mut other = class.clone();
        other.has[place] = false;
        all.push(other);
    }
    all.extend(simpler_conditions(&class.start_on).into_iter().map(|start_on| Class { start_on, ..class.clone() }));
    all.extend(simpler_conditions(&class.stop_on).into_iter().map(|stop_on| Class { stop_on, ..class.clone() }));
    all.retain(|other| other != class);
    all
}

fn simpler_conditions(condition: &Option<Condition>) -> Vec<Option<Condition>> {
    let Some(condition) = condition else { return Vec::new() };
    let mut all = vec![None];
    match condition {
        Condition::Event(leaf) => {
            let mut other = leaf.clone();
            if other.arguments.pop().is_some() {
                all.push(Some(Condition::Event(other)));
            }
        }
        Condition::And(left, right) | Condition::Or(left, right) => {
            let join = |left: &Condition, right: &Condition| match condition {
                Condition::And(..) => Condition::And(left.clone().into(), right.clone().into()),
                _ => Condition::Or(left.clone().into(), right.clone().into()),
            };
            all.extend([Some((**left).clone()), Some((**right).clone())]);
            let (lefts, rights) =
                (simpler_conditions(&Some((**left).clone())), simpler_conditions(&Some((**right).clone())));
            all.extend(lefts.into_iter().flatten().map(|left| Some(join(&left, right))));
            all.extend(rights.into_iter().flatten().map(|right| Some(join(left, &right))));
        }
    }
    all
}
