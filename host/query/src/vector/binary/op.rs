//! The operators, their text, precedence and arithmetic.

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`, with the sign of the dividend
    Mod,
    /// `^`
    Pow,
    /// `atan2`
    Atan2,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `</`: what of a histogram lies below (Prometheus 3.13)
    TrimUpper,
    /// `>/`: what of a histogram lies above (Prometheus 3.13)
    TrimLower,
    /// `and`
    And,
    /// `or`
    Or,
    /// `unless`
    Unless,
}

const TEXTS: [(BinaryOp, &str, u8); 18] = [
    (BinaryOp::Or, "or", 1),
    (BinaryOp::And, "and", 2),
    (BinaryOp::Unless, "unless", 2),
    (BinaryOp::Equal, "==", 3),
    (BinaryOp::NotEqual, "!=", 3),
    (BinaryOp::Less, "<", 3),
    (BinaryOp::LessOrEqual, "<=", 3),
    (BinaryOp::Greater, ">", 3),
    (BinaryOp::GreaterOrEqual, ">=", 3),
    (BinaryOp::TrimUpper, "</", 3),
    (BinaryOp::TrimLower, ">/", 3),
    (BinaryOp::Add, "+", 4),
    (BinaryOp::Sub, "-", 4),
    (BinaryOp::Mul, "*", 5),
    (BinaryOp::Div, "/", 5),
    (BinaryOp::Mod, "%", 5),
    (BinaryOp::Atan2, "atan2", 5),
    (BinaryOp::Pow, "^", 6),
];

impl BinaryOp {
    /// The operator as written.
    pub fn text(self) -> &'static str {
        self.entry().1
    }

    /// From 1 (`or`) to 6 (`^`): higher binds more tightly.
    pub fn precedence(self) -> u8 {
        self.entry().2
    }

    /// The operator of a text in lower case.
    pub fn from_text(text: &str) -> Option<Self> {
        TEXTS.iter().find(|(_, found, _)| *found == text).map(|(op, ..)| *op)
    }

    /// Whether it compares.
    pub fn is_comparison(self) -> bool {
        self.precedence() == 3 && !self.is_trim()
    }

    /// Whether it cuts a histogram off.
    pub fn is_trim(self) -> bool {
        matches!(self, Self::TrimUpper | Self::TrimLower)
    }

    /// Whether the result is another quantity than the left operand.
    pub(crate) fn changes_quantity(self) -> bool {
        !self.is_comparison() && !self.is_trim()
    }

    /// Whether it works on sets of series.
    pub fn is_set(self) -> bool {
        self.precedence() <= 2
    }

    /// The value for two numbers; 0 or 1 for comparisons.
    pub(crate) fn compute(self, left: f64, right: f64) -> f64 {
        let truth = |holds: bool| f64::from(u8::from(holds));
        match self {
            Self::Add => left + right,
            Self::Sub => left - right,
            Self::Mul => left * right,
            Self::Div => left / right,
            Self::Mod => left % right,
            Self::Pow => left.powf(right),
            Self::Atan2 => left.atan2(right),
            Self::Equal => truth(left == right),
            Self::NotEqual => truth(left != right),
            Self::Less => truth(left < right),
            Self::LessOrEqual => truth(left <= right),
            Self::Greater => truth(left > right),
            Self::GreaterOrEqual => truth(left >= right),
            Self::And | Self::Or | Self::Unless | Self::TrimUpper | Self::TrimLower => f64::NAN,
        }
    }

    fn entry(self) -> (Self, &'static str, u8) {
        // Every operator is in the table; the default is never reached.
        TEXTS.into_iter().find(|(op, ..)| *op == self).unwrap_or((self, "", 0))
    }
}
