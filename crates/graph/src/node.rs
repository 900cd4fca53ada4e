use std::sync::Arc;

use tconv_tensor::DType;

use crate::attrs::{AttrReader, AttrValue, Attrs};
use crate::diagnose;
use crate::op::{Fact, Op, OpDef};
use crate::proof::Proof;
use crate::{Error, Graph, Location, Operation, Output, Result, location, ops};

/// One node; never changed once it stands in its graph, where its inputs precede it.
pub(crate) struct Node {
    pub id: usize,
    pub name: String,
    pub def: &'static OpDef,
    pub op: Arc<dyn Op>,
    pub attrs: Attrs,
    /// Node and output slot.
    pub inputs: Vec<(usize, usize)>,
    pub control: Vec<usize>,
    pub facts: Vec<Fact>,
    pub proof: Proof,
    /// Made by `gradients`: a change of what it is the gradient of changes it too.
    pub derived: bool,
    /// The line of the program that made it, where that is known.
    pub location: Option<Location>,
}

/// A node that is being added: the one way into a graph, for this crate's functions, other languages
/// and file formats alike.
///
/// ```
/// # use tconv_graph::Graph;
/// let g = Graph::new();
/// let x = g.constant(2.0f32)?;
/// let y = g.add("Square").name("y").input(&x).output()?;
/// assert_eq!(y.name(), "y:0");
/// # Ok::<(), tconv_graph::Error>(())
/// ```
pub struct NodeBuilder {
    graph: Graph,
    op: String,
    name: Option<String>,
    inputs: Vec<Output>,
    control: Vec<Operation>,
    attrs: Attrs,
    location: Location,
}

impl NodeBuilder {
    #[track_caller]
    pub(crate) fn new(graph: &Graph, op: &str) -> NodeBuilder {
        NodeBuilder {
            graph: graph.clone(),
            op: op.to_string(),
            name: None,
            inputs: Vec::new(),
            control: Vec::new(),
            attrs: Attrs::new(),
            location: location::here(),
        }
    }

    /// The name, numbered where it is taken; without one the op's own. A name that ends in `/` is
    /// taken as it stands.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_string());
        self
    }

    /// The next input.
    pub fn input(mut self, input: &Output) -> Self {
        self.inputs.push(input.clone());
        self
    }

    /// The next inputs.
    pub fn inputs<'o>(mut self, inputs: impl IntoIterator<Item = &'o Output>) -> Self {
        self.inputs.extend(inputs.into_iter().cloned());
        self
    }

    /// An operation that runs before this one.
    pub fn control(mut self, operation: &Operation) -> Self {
        self.control.push(operation.clone());
        self
    }

    /// An attribute. Those that give an input's dtype are filled in where they are missing.
    pub fn attr(mut self, name: &str, value: impl Into<AttrValue>) -> Self {
        self.attrs.insert(name.to_string(), value.into());
        self
    }

    /// All of these attributes.
    pub fn attrs(mut self, attrs: Attrs) -> Self {
        self.attrs.extend(attrs);
        self
    }

    /// Adds the node and gives its only output.
    ///
    /// # Errors
    /// As [`NodeBuilder::build`].
    pub fn output(self) -> Result<Output> {
        Ok(self.build()?.output(0))
    }

    /// Adds the node: checks the inputs' dtypes and the attributes, and infers dtypes and shapes.
    ///
    /// # Errors
    /// `Value` or `Type`, with the node, its op and its inputs; the graph is then as it was.
    pub fn build(mut self) -> Result<Operation> {
        let location = Some(location::outermost().unwrap_or(self.location));
        let def = ops::find(&self.op).map_err(|error| error.located(location))?;
        let given = self.graph.take_name().or_else(|| self.name.clone());
        let node_name = given.unwrap_or_else(|| def.name.to_string());
        let draft = self.draft(def, &node_name, location).map_err(|error| {
            let argument =
                |(i, output)| format!("{}: {output}", def.argument(i, self.inputs.len()));
            let inputs = self.inputs.iter().enumerate().map(argument).collect();
            error
                .at(node_name.trim_end_matches('/'), def.name, inputs)
                .located(location)
        })?;
        let control: Vec<usize> = self.control.iter().map(Operation::id).collect();
        let push = |id, name, control| Node {
            id,
            name,
            control,
            ..draft
        };
        let node = self.graph.write().push(&node_name, control, push)?;
        Ok(Operation::new(self.graph.clone(), node))
    }

    /// The node as it would stand in the graph: inferred, and proved for every size that may be fed.
    fn draft(
        &mut self,
        def: &'static OpDef,
        name: &str,
        location: Option<Location>,
    ) -> Result<Node> {
        for output in &self.inputs {
            self.graph.check_own(output.graph(), || output.name())?;
        }
        for operation in &self.control {
            self.graph
                .check_own(operation.graph(), || operation.name().to_string())?;
        }
        for value in self.attrs.values_mut() {
            // A graph outlives the memory that a borrowed tensor reads, or its present elements.
            if let AttrValue::Tensor(tensor) = value {
                *tensor = std::mem::take(tensor).into_owned()?;
            }
        }
        let dtypes: Vec<DType> = self.inputs.iter().map(Output::dtype).collect();
        check_types(def, &dtypes, &mut self.attrs)?;
        let op = make(def, &self.attrs, def.make)?;
        let facts: Vec<Fact> = self
            .inputs
            .iter()
            .map(|output| output.fact().clone())
            .collect();
        let (made, needs) = (op.infer(&facts)?, op.needs(&facts));
        let inputs = self.inputs.iter();
        let mut proof = Proof::of_inputs(inputs.map(|output| &output.op().node().proof.given));
        let state = self.graph.read();
        let mut node = Node {
            id: state.nodes().len(),
            name: name.trim_end_matches('/').to_string(),
            def,
            facts: made,
            op,
            attrs: self.attrs.clone(),
            inputs: self
                .inputs
                .iter()
                .map(|output| (output.node_id(), output.slot()))
                .collect(),
            control: Vec::new(),
            proof: Proof::default(),
            derived: state.deriving,
            location,
        };
        for need in needs {
            if let Err(need) = proof.add(&state.sources, need) {
                return Err(diagnose::refused(&state, node, Some(&need)));
            }
        }
        proof.settle(&mut node.facts);
        if node.derived {
            // What it is the gradient of has said it.
            proof.open.iter_mut().for_each(|open| open.suspect = false);
        }
        node.proof = proof;
        if state.strict() && node.proof.open.iter().any(|open| open.suspect) {
            return Err(diagnose::refused(&state, node, None));
        }
        Ok(node)
    }
}

/// Makes an op from attributes, all of which it must understand.
pub(crate) fn make<O>(
    def: &OpDef,
    attrs: &Attrs,
    make: impl FnOnce(&mut AttrReader) -> Result<O>,
) -> Result<O> {
    let mut reader = AttrReader::new(attrs);
    for &(name, _) in def.types {
        reader.skip(name);
    }
    let op = make(&mut reader)?;
    reader.finish()?;
    Ok(op)
}

/// Matches the inputs to the op's arguments, fills in `N` and the type attributes that the inputs
/// decide, and refuses dtypes that disagree.
pub(crate) fn check_types(def: &OpDef, inputs: &[DType], attrs: &mut Attrs) -> Result<()> {
    let list = def.inputs.iter().find(|(_, type_)| type_.starts_with("N*"));
    let single = def.inputs.len() - usize::from(list.is_some());
    let given = inputs.len();
    if given < single || (list.is_none() && given != single) {
        return Err(Error::type_(format!(
            "{} takes {single} inputs, got {given}",
            def.name
        )));
    }
    if list.is_some() {
        let count = AttrValue::Int((given - single) as i64);
        let stated = attrs.entry("N".into()).or_insert_with(|| count.clone());
        if *stated != count {
            return Err(Error::value(format!(
                "N is {stated:?}, but {} inputs are given",
                given - single
            )));
        }
    }
    // Which argument decided a type attribute, for the message.
    let mut decided: Vec<(&str, &str)> = Vec::new();
    let mut dtypes = inputs.iter();
    for &(argument, type_) in def.inputs {
        let (count, type_) = match type_.strip_prefix("N*") {
            Some(type_) => (given - single, type_),
            None => (1, type_),
        };
        for &dtype in dtypes.by_ref().take(count) {
            let expected = match type_.parse::<DType>() {
                Ok(fixed) => AttrValue::Type(fixed),
                Err(_) => attrs
                    .entry(type_.to_string())
                    .or_insert(AttrValue::Type(dtype))
                    .clone(),
            };
            if expected != AttrValue::Type(dtype) {
                let expected = match &expected {
                    AttrValue::Type(dtype) => dtype.to_string(),
                    other => format!("{other:?}"),
                };
                let rest = match decided.iter().find(|(attr, _)| *attr == type_) {
                    Some((_, first)) => format!("type {expected} of argument '{first}'."),
                    None => format!("expected type of {expected}."),
                };
                return Err(Error::type_(format!(
                    "Input '{argument}' of '{}' Op has type {dtype} that does not match {rest}",
                    def.name
                ))
                .help("tconv converts no tensor by itself: cast does"));
            }
            decided.push((type_, argument));
        }
    }
    for &(attr, allowed) in def.types {
        let Some(AttrValue::Type(dtype)) = attrs.get(attr) else {
            continue;
        };
        if !allowed.contains(dtype) {
            let allowed: Vec<_> = allowed.iter().map(DType::to_string).collect();
            let argument = decided
                .iter()
                .find(|(decides, _)| *decides == attr)
                .map_or(attr, |(_, name)| name);
            return Err(Error::type_(format!(
                "Value passed to parameter '{argument}' has DataType {dtype} not in list of allowed values: {}",
                allowed.join(", ")
            )));
        }
    }
    Ok(())
}
