//! Defects of the area `everything-http`.

use super::defects;

defects! {}
