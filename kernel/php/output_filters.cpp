#include "php/output_filters.hpp"

#include "php/extension.hpp"

namespace askr::php {
namespace {

const Extension zlib{"zlib"};

// As PHP does at the end of a request, in functions that it keeps to itself. While `active` stays set, it takes the
// rewriter of the last output layer for that of this one.
void reset(url_adapt_state_ex_t& rewriter) {
  if (rewriter.active == 0 && rewriter.url_app.s == nullptr) return;  // nobody has asked for it
  for (smart_str* text : {&rewriter.result, &rewriter.buf, &rewriter.arg, &rewriter.form_app, &rewriter.url_app}) {
    smart_str_free(text);
  }
  rewriter.active = rewriter.tag_type = rewriter.attr_type = 0;
}

}  // namespace

void reset_output_filters() {
  zlib.end_request();
  reset(BG(url_adapt_session_ex));
  reset(BG(url_adapt_output_ex));
}

void begin_compression() {
  zlib.begin_request();
}

}  // namespace askr::php
