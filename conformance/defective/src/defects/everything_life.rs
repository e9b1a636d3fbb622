//! Defects of the area `everything-life`.

use super::defects;

defects! {}
