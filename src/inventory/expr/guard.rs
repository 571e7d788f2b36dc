//! A template as the engine runs it here: the engine counts instructions, but one of them may make a text of a gigabyte, or a
//! list that is endless once somebody looks at it. So each result of an operator, a filter or a call goes through
//! `held`, by filters that no template can name.

use std::collections::BTreeMap;

use minijinja::machinery::ast::{self, BinOpKind, CallArg, Expr, Spanned, Stmt, UnaryOpKind};
use minijinja::machinery::{CodeGenerator, Instructions, Span, Token, WhitespaceConfig, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Error, ErrorKind, Value};

/// Bytes of a template: the engine counts lines and columns in 16 bits.
const MAX_TEMPLATE: usize = 60_000;
/// Operators, filters and brackets that stand one upon the other in an expression, and `elif` in a template: each takes a
/// part of the stack.
const MAX_LINKS: usize = 200;

/// Brackets in each other: the engine refuses as many.
const MAX_BRACKETS: usize = 150;

/// The filters of this file.
pub(super) const HELD: &str = "\0held";
pub(super) const RAW: &str = "\0raw";
pub(super) const TIMES: &str = "\0times";
pub(super) const CONCAT: &str = "\0concat";
pub(super) const SLICE: &str = "\0slice";

const NAME: &str = "<string>";

pub(super) type Compiled<'t> = (Instructions<'t>, BTreeMap<&'t str, Instructions<'t>>);

pub(super) fn compile(template: &str) -> Result<Compiled<'_>, Error> {
    if template.len() > MAX_TEMPLATE {
        return Err(refused(format!(
            "it is a template of {} bytes, more than {MAX_TEMPLATE}",
            template.len()
        )));
    }
    is_shallow(template)?;
    let parsed = parse(template, NAME, SyntaxConfig, white_space())?;
    let mut out = Vec::new();
    statement(&parsed, false, &mut out);
    let mut generator = CodeGenerator::new(NAME, template);
    for statement in &out {
        generator.compile_stmt(statement);
    }
    Ok(generator.finish())
}

fn white_space() -> WhitespaceConfig {
    WhitespaceConfig { keep_trailing_newline: false, lstrip_blocks: false, trim_blocks: true }
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::SyntaxError, why)
}

/// How many links stand upon each other within a bracket: now, and at most between its commas.
#[derive(Default)]
struct Level(usize, usize);

/// What is no template at all is the parser's concern.
fn is_shallow(template: &str) -> Result<(), Error> {
    let (mut open, mut elifs) = (vec![Level::default()], 0);
    for token in tokenize(template, false, SyntaxConfig, white_space()) {
        let Ok((token, _)) = token else { break };
        if matches!(token, Token::VariableStart | Token::BlockStart) {
            open = vec![Level::default()];
        }
        let Some(level) = open.last_mut() else { break };
        match token {
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => open.push(Level::default()),
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                let inner = level.0.max(level.1);
                open.pop();
                match open.last_mut() {
                    Some(outer) => outer.0 = outer.0.max(inner) + 1,
                    None => break,
                }
            }
            Token::Comma | Token::Colon => *level = Level(0, level.0.max(level.1)),
            Token::Ident("elif") => elifs += 1,
            token if is_link(&token) => level.0 += 1,
            _ => {}
        }
        if open.len() > MAX_BRACKETS {
            break;
        }
        if elifs > MAX_LINKS || open.last().is_some_and(|level| level.0 > MAX_LINKS) {
            return Err(refused(format!("more than {MAX_LINKS} operators or filters stand in a row")));
        }
    }
    Ok(())
}

fn is_link(token: &Token<'_>) -> bool {
    match token {
        Token::Ident(word) => ["and", "or", "not", "in", "is", "if", "else"].contains(word),
        Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::FloorDiv
        | Token::Pow
        | Token::Mod
        | Token::Dot
        | Token::Tilde
        | Token::Pipe
        | Token::Eq
        | Token::Ne
        | Token::Gt
        | Token::Gte
        | Token::Lt
        | Token::Lte => true,
        _ => false,
    }
}

fn body<'t>(statements: &[Stmt<'t>], in_loop: bool) -> Vec<Stmt<'t>> {
    let mut out = Vec::with_capacity(statements.len());
    for one in statements {
        statement(one, in_loop, &mut out);
    }
    out
}

fn statement<'t>(of: &Stmt<'t>, in_loop: bool, out: &mut Vec<Stmt<'t>>) {
    let emit = |expr, span| Stmt::EmitExpr(Spanned::new(ast::EmitExpr { expr }, span));
    match of {
        Stmt::Template(all) => all.children.iter().for_each(|one| statement(one, in_loop, out)),
        // `{{ loop(…) }}` is one of its own to the engine.
        Stmt::EmitExpr(it) => out.push(match &it.expr {
            Expr::Call(inner) => emit(Expr::Call(call(inner)), it.span()),
            other => emit(expression(other), it.span()),
        }),
        Stmt::EmitRaw(it) => {
            if in_loop {
                let length = ast::Const { value: Value::from(it.raw.len()) };
                let length = Expr::Const(Spanned::new(length, it.span()));
                out.push(emit(applied(RAW, length, Vec::new()), it.span()));
            }
            out.push(Stmt::EmitRaw(Spanned::new(ast::EmitRaw { raw: it.raw }, it.span())));
        }
        Stmt::Set(it) => {
            let set = ast::Set { target: target(&it.target), expr: expression(&it.expr) };
            out.push(Stmt::Set(Spanned::new(set, it.span())));
        }
        Stmt::Do(it) => out.push(Stmt::Do(Spanned::new(ast::Do { call: call(&it.call) }, it.span()))),
        Stmt::ForLoop(it) => out.push(Stmt::ForLoop(Spanned::new(
            ast::ForLoop {
                target: target(&it.target),
                iter: held(&it.iter),
                filter_expr: it.filter_expr.as_ref().map(expression),
                recursive: it.recursive,
                body: body(&it.body, true),
                else_body: body(&it.else_body, in_loop),
            },
            it.span(),
        ))),
        block => out.extend(around(block, in_loop)),
    }
}

/// A block with others in it that is no loop.
fn around<'t>(of: &Stmt<'t>, in_loop: bool) -> Option<Stmt<'t>> {
    Some(match of {
        Stmt::IfCond(it) => Stmt::IfCond(Spanned::new(
            ast::IfCond {
                expr: expression(&it.expr),
                true_body: body(&it.true_body, in_loop),
                false_body: body(&it.false_body, in_loop),
            },
            it.span(),
        )),
        Stmt::WithBlock(it) => {
            let assignments = it.assignments.iter().map(|(to, what)| (target(to), expression(what)));
            let with = ast::WithBlock { assignments: assignments.collect(), body: body(&it.body, in_loop) };
            Stmt::WithBlock(Spanned::new(with, it.span()))
        }
        Stmt::SetBlock(it) => Stmt::SetBlock(Spanned::new(
            ast::SetBlock {
                target: target(&it.target),
                filter: it.filter.as_ref().map(expression),
                body: body(&it.body, in_loop),
            },
            it.span(),
        )),
        Stmt::AutoEscape(it) => Stmt::AutoEscape(Spanned::new(
            ast::AutoEscape { enabled: expression(&it.enabled), body: body(&it.body, in_loop) },
            it.span(),
        )),
        Stmt::FilterBlock(it) => Stmt::FilterBlock(Spanned::new(
            ast::FilterBlock { filter: expression(&it.filter), body: body(&it.body, in_loop) },
            it.span(),
        )),
        _ => return None,
    })
}

/// What is assigned to is no value.
fn target<'t>(of: &Expr<'t>) -> Expr<'t> {
    match of {
        Expr::Var(it) => Expr::Var(Spanned::new(ast::Var { id: it.id }, it.span())),
        Expr::List(it) => {
            Expr::List(Spanned::new(ast::List { items: it.items.iter().map(target).collect() }, it.span()))
        }
        Expr::GetAttr(it) => {
            Expr::GetAttr(Spanned::new(ast::GetAttr { expr: target(&it.expr), name: it.name }, it.span()))
        }
        other => expression(other),
    }
}

fn applied<'t>(name: &'static str, expr: Expr<'t>, args: Vec<Expr<'t>>) -> Expr<'t> {
    let (span, args) = (expr.span(), args.into_iter().map(CallArg::Pos).collect());
    Expr::Filter(Spanned::new(ast::Filter { name, expr: Some(expr), args }, span))
}

fn hold(expr: Expr<'_>) -> Expr<'_> {
    applied(HELD, expr, Vec::new())
}

/// What somebody looks at as a whole.
fn held<'t>(of: &Expr<'t>) -> Expr<'t> {
    match of {
        Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) | Expr::IfExpr(_) => hold(expression(of)),
        _ => expression(of),
    }
}

fn expression<'t>(of: &Expr<'t>) -> Expr<'t> {
    match of {
        Expr::Var(it) => Expr::Var(Spanned::new(ast::Var { id: it.id }, it.span())),
        Expr::Const(it) => Expr::Const(Spanned::new(ast::Const { value: it.value.clone() }, it.span())),
        Expr::Slice(it) => {
            let or_none = |part: &Option<Expr<'t>>| part.as_ref().map_or_else(|| none(it.span()), expression);
            let parts = [&it.start, &it.stop, &it.step].map(or_none).into();
            applied(SLICE, held(&it.expr), parts)
        }
        Expr::UnaryOp(it) => {
            // It cannot be copied.
            let negates = matches!(it.op, UnaryOpKind::Neg);
            let op = if negates { UnaryOpKind::Neg } else { UnaryOpKind::Not };
            Expr::UnaryOp(Spanned::new(ast::UnaryOp { op, expr: expression(&it.expr) }, it.span()))
        }
        Expr::BinOp(it) => operator(it),
        Expr::Compare(it) => {
            let op = |one: &ast::CompareOp<'t>| ast::CompareOp { op: one.op, expr: held(&one.expr) };
            let compare = ast::Compare { expr: held(&it.expr), ops: it.ops.iter().map(op).collect() };
            Expr::Compare(Spanned::new(compare, it.span()))
        }
        Expr::IfExpr(it) => Expr::IfExpr(Spanned::new(
            ast::IfExpr {
                test_expr: expression(&it.test_expr),
                true_expr: expression(&it.true_expr),
                false_expr: it.false_expr.as_ref().map(expression),
            },
            it.span(),
        )),
        Expr::Filter(it) => hold(Expr::Filter(Spanned::new(
            ast::Filter { name: it.name, expr: it.expr.as_ref().map(held), args: arguments(&it.args) },
            it.span(),
        ))),
        Expr::Test(it) => Expr::Test(Spanned::new(
            ast::Test { name: it.name, expr: held(&it.expr), args: arguments(&it.args) },
            it.span(),
        )),
        Expr::GetAttr(it) => {
            Expr::GetAttr(Spanned::new(ast::GetAttr { expr: expression(&it.expr), name: it.name }, it.span()))
        }
        Expr::GetItem(it) => Expr::GetItem(Spanned::new(
            ast::GetItem { expr: expression(&it.expr), subscript_expr: expression(&it.subscript_expr) },
            it.span(),
        )),
        Expr::Call(it) => hold(Expr::Call(call(it))),
        Expr::List(it) => hold(Expr::List(Spanned::new(
            ast::List { items: it.items.iter().map(expression).collect() },
            it.span(),
        ))),
        Expr::Map(it) => hold(Expr::Map(Spanned::new(
            ast::Map {
                keys: it.keys.iter().map(expression).collect(),
                values: it.values.iter().map(expression).collect(),
            },
            it.span(),
        ))),
    }
}

fn none<'t>(span: Span) -> Expr<'t> {
    Expr::Const(Spanned::new(ast::Const { value: Value::from(()) }, span))
}

fn operator<'t>(of: &Spanned<ast::BinOp<'t>>) -> Expr<'t> {
    let with = |left, right| Expr::BinOp(Spanned::new(ast::BinOp { op: of.op, left, right }, of.span()));
    match of.op {
        BinOpKind::Mul => applied(TIMES, held(&of.left), vec![expression(&of.right)]),
        BinOpKind::Concat => applied(CONCAT, held(&of.left), vec![held(&of.right)]),
        BinOpKind::Add => hold(with(held(&of.left), held(&of.right))),
        BinOpKind::ScAnd
        | BinOpKind::ScOr
        | BinOpKind::Sub
        | BinOpKind::Div
        | BinOpKind::FloorDiv
        | BinOpKind::Rem
        | BinOpKind::Pow => with(expression(&of.left), expression(&of.right)),
        // Two lists are compared item by item.
        _ => with(held(&of.left), held(&of.right)),
    }
}

fn call<'t>(of: &Spanned<ast::Call<'t>>) -> Spanned<ast::Call<'t>> {
    // The engine tells functions and methods by what stands before the bracket.
    let expr = match &of.expr {
        Expr::GetAttr(it) => {
            Expr::GetAttr(Spanned::new(ast::GetAttr { expr: held(&it.expr), name: it.name }, it.span()))
        }
        other => expression(other),
    };
    Spanned::new(ast::Call { expr, args: arguments(&of.args) }, of.span())
}

fn arguments<'t>(of: &[CallArg<'t>]) -> Vec<CallArg<'t>> {
    let one = |argument: &CallArg<'t>| match argument {
        CallArg::Pos(it) => CallArg::Pos(held(it)),
        CallArg::Kwarg(name, it) => CallArg::Kwarg(name, held(it)),
        CallArg::PosSplat(it) => CallArg::PosSplat(held(it)),
        CallArg::KwargSplat(it) => CallArg::KwargSplat(held(it)),
    };
    of.iter().map(one).collect()
}
