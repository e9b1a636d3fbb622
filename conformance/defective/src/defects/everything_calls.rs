//! Defects of the area `everything-calls`.

use super::defects;

defects! {}
