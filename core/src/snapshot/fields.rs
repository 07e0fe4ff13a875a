//! A hash over the structure of the records in a snapshot, down to the names and the order of their fields, so that a
//! change to them is a reminder to raise the version.

use core::fmt;

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::{Header, VERSION};
use crate::ids::kind;
use crate::memory::index::Fnv;
use crate::memory::pool::Slot;

/// A deserializer that hashes the names of everything that a type asks for. It supplies 1 for every number, and for
/// every enum the variant with the index `variant`, or the last one.
struct Names {
    sum: Fnv,
    variant: usize,
}

impl Names {
    fn note(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.sum = self.sum.with(name.as_bytes()).with(b"\0"));
    }
}

#[derive(Debug)]
struct Unusable;

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that a type does not take")
    }
}

impl core::error::Error for Unusable {}

impl Error for Unusable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Unusable
    }
}

/// Numbers: hashes the name of the type, and supplies 1.
macro_rules! numbers {
    ($($method:ident $visit:ident $value:expr,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unusable> {
            self.note(&[stringify!($method)]);
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Names {
    type Error = Unusable;

    numbers! {
        deserialize_bool visit_bool true,
        deserialize_u8 visit_u8 1,
        deserialize_u16 visit_u16 1,
        deserialize_u32 visit_u32 1,
        deserialize_u64 visit_u64 1,
        deserialize_i8 visit_i8 1,
        deserialize_i16 visit_i16 1,
        deserialize_i32 visit_i32 1,
        deserialize_i64 visit_i64 1,
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unusable> {
        Err(Unusable)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unusable> {
        self.note(&["option"]);
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Unusable> {
        self.note(&[name]);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Unusable> {
        self.note(&[name]);
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Unusable> {
        self.note(&["tuple"]);
        visitor.visit_seq(Several(self, length))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Unusable> {
        self.note(&[name]);
        visitor.visit_seq(Several(self, length))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unusable> {
        self.note(&[name]);
        self.note(fields);
        visitor.visit_seq(Several(self, fields.len()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unusable> {
        self.note(&[name]);
        self.note(variants);
        let variant = self.variant.min(variants.len() - 1);
        visitor.visit_enum(Chosen(self, variant as u32))
    }

    forward_to_deserialize_any! { f32 f64 char str string bytes byte_buf unit seq map identifier ignored_any }
}

/// A sequence of that many elements or fields.
struct Several<'n>(&'n mut Names, usize);

impl<'de> SeqAccess<'de> for Several<'_> {
    type Error = Unusable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unusable> {
        let Some(rest) = self.1.checked_sub(1) else { return Ok(None) };
        self.1 = rest;
        seed.deserialize(&mut *self.0).map(Some)
    }
}

/// The variant with that index.
struct Chosen<'n>(&'n mut Names, u32);

impl<'de, 'n> EnumAccess<'de> for Chosen<'n> {
    type Error = Unusable;
    type Variant = &'n mut Names;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, &'n mut Names), Unusable> {
        let number: U32Deserializer<Unusable> = self.1.into_deserializer();
        Ok((seed.deserialize(number)?, self.0))
    }
}

impl<'de> VariantAccess<'de> for &mut Names {
    type Error = Unusable;

    fn unit_variant(self) -> Result<(), Unusable> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unusable> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Unusable> {
        visitor.visit_seq(Several(self, length))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unusable> {
        self.note(fields);
        visitor.visit_seq(Several(self, fields.len()))
    }
}

fn add<'de, T: Deserialize<'de>>(names: &mut Names) {
    assert!(T::deserialize(&mut *names).is_ok(), "{} can be read", core::any::type_name::<T>());
}

/// A number that exceeds the count of variants of any enum.
const VARIANTS: usize = 64;

fn sum() -> u32 {
    let mut names = Names { sum: Fnv::new(), variant: 0 };
    while names.variant < VARIANTS {
        add::<Header>(&mut names);
        add::<Slot<crate::records::class::Class>>(&mut names);
        add::<Slot<crate::records::job::Job>>(&mut names);
        add::<Slot<crate::records::event::Event>>(&mut names);
        add::<crate::records::waiter::WaiterKind>(&mut names);
        add::<Slot<crate::records::interest::Name>>(&mut names);
        add::<Slot<crate::records::interest::Interest>>(&mut names);
        add::<crate::memory::timers::Timer<kind::Job, crate::records::job::Alarm>>(&mut names);
        add::<crate::machine::Globals>(&mut names);
        names.variant += 1;
    }
    names.sum.value()
}

#[test]
fn a_changed_record_raises_the_version() {
    const KNOWN: (u32, u32) = (8, 993_190_404);
    assert_eq!(
        (VERSION, sum()),
        KNOWN,
        "raise VERSION unless only the name of a type has changed, and note here what the fields come to"
    );
}
