//! Defects of the area `everything-events`.

use super::defects;

defects! {}
