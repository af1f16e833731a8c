#include "php/superglobals.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "php/zend.hpp"

namespace askr::php {
namespace {

struct Superglobal {
  std::string_view text;
  int tracked = -1;  // its place in PG(http_globals), if PHP keeps it there as well
  zend_auto_global* maker = nullptr;
  zval of_the_boot{};
};

// $_REQUEST behind those that it is made of. $_ENV is not the request's.
std::array<Superglobal, 7> superglobals{{{"_GET", TRACK_VARS_GET},
                                         {"_POST", TRACK_VARS_POST},
                                         {"_COOKIE", TRACK_VARS_COOKIE},
                                         {"_FILES", TRACK_VARS_FILES},
                                         {"_SERVER", TRACK_VARS_SERVER},
                                         {"_REQUEST"},
                                         {"_ENV"}}};
constexpr size_t kEnvironment = 6;

// PHP makes some of them when they are asked for.
void find(Superglobal& superglobal) {
  const std::string_view text = superglobal.text;
  superglobal.maker =
      static_cast<zend_auto_global*>(zend_hash_str_find_ptr(CG(auto_globals), text.data(), text.size()));
  zend_is_auto_global(superglobal.maker->name);
}

void hand_back(Superglobal& superglobal) {
  zval value;
  ZVAL_COPY(&value, &superglobal.of_the_boot);
  zend_hash_update(&EG(symbol_table), superglobal.maker->name, &value);
}

// What was there before goes to `old`.
void swap_in(Superglobal& superglobal, zval* old) {
  zval* entry = zend_hash_find_known_hash(&EG(symbol_table), superglobal.maker->name);
  if (entry == nullptr) {
    hand_back(superglobal);
  } else {
    ZVAL_COPY_VALUE(old, entry);
    ZVAL_COPY(entry, &superglobal.of_the_boot);
  }
}

void swap_in_tracked(Superglobal& superglobal, zval* old) {
  zval* entry = &PG(http_globals)[superglobal.tracked];
  ZVAL_COPY_VALUE(old, entry);
  ZVAL_COPY(entry, &superglobal.of_the_boot);
}

}  // namespace

void keep_superglobals() {
  for (Superglobal& superglobal : superglobals) {
    find(superglobal);
    zval* value = zend_hash_find(&EG(symbol_table), superglobal.maker->name);
    if (value != nullptr && Z_TYPE_P(value) != IS_UNDEF) {
      ZVAL_COPY_DEREF(&superglobal.of_the_boot, value);
    } else {
      ZVAL_EMPTY_ARRAY(&superglobal.of_the_boot);
    }
  }
}

void renew_superglobals() {
  zval* files = &PG(http_globals)[TRACK_VARS_FILES];
  zval_ptr_dtor_nogc(files);
  ZVAL_UNDEF(files);
  for (Superglobal& superglobal : superglobals) {
    if (&superglobal == &superglobals[kEnvironment]) {
      hand_back(superglobal);
    } else {
      superglobal.maker->armed = superglobal.maker->auto_global_callback(superglobal.maker->name);
    }
  }
}

zval* find_superglobal(int tracked) {
  for (const Superglobal& superglobal : superglobals) {
    if (superglobal.tracked != tracked) continue;
    zval* value = zend_hash_find_known_hash(&EG(symbol_table), superglobal.maker->name);
    if (value == nullptr) break;
    ZVAL_DEREF(value);
    if (Z_TYPE_P(value) == IS_ARRAY) return value;
  }
  return &PG(http_globals)[tracked];
}

// All are changed before the first object is destroyed: its destructor finds nothing of the request.
void forget_superglobals() {
  std::array<zval, 2 * superglobals.size()> old{};
  zval* next = old.data();
  for (Superglobal& superglobal : superglobals) {
    swap_in(superglobal, next++);
    if (superglobal.tracked >= 0) swap_in_tracked(superglobal, next++);
  }
  std::for_each(old.data(), next, [](zval& value) { zval_ptr_dtor_nogc(&value); });
}

}  // namespace askr::php
