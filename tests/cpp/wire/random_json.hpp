#pragma once
// Random JSON trees for tests, and many ways to write each: key order, white space, escapes and the
// spelling of floats vary, the meaning does not.

#include "base/random.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace keel::wire {

struct Tree {
  enum class Kind { literal, integer, decimal, string, array, object };
  Kind kind = Kind::literal;
  std::string text;      // literal and integer: as written; string: UTF-8
  int64_t mantissa = 0;  // decimal: mantissa * 10^exponent
  int exponent = 0;
  std::vector<std::string> keys;
  std::vector<Tree> children;
};

class RandomJson {
 public:
  explicit RandomJson(uint64_t seed) : random_(seed) {}

  uint64_t below(uint64_t n) { return random_.below(n); }

  Tree tree(int depth) {
    Tree out;
    out.kind = static_cast<Tree::Kind>(below(depth > 0 ? 6 : 4));
    switch (out.kind) {
      case Tree::Kind::literal:
        out.text = literals[below(3)];
        break;
      case Tree::Kind::integer:
        out.text = integers[below(5)];
        break;
      case Tree::Kind::decimal:
        out.mantissa = static_cast<int64_t>(below(2'000'001)) - 1'000'000;
        out.exponent = static_cast<int>(below(40)) - 20;
        break;
      case Tree::Kind::string:
        out.text = text();
        break;
      case Tree::Kind::array:
        for (uint64_t i = below(4); i > 0; --i) out.children.push_back(tree(depth - 1));
        break;
      case Tree::Kind::object:
        fill_object(out, depth);
        break;
    }
    return out;
  }

  Tree object(int depth) {
    Tree out;
    out.kind = Tree::Kind::object;
    fill_object(out, depth);
    return out;
  }

  std::string write(const Tree& tree) {
    switch (tree.kind) {
      case Tree::Kind::literal:
      case Tree::Kind::integer:
        return tree.text;
      case Tree::Kind::decimal:
        return decimal(tree.mantissa, tree.exponent);
      case Tree::Kind::string:
        return quote(tree.text);
      case Tree::Kind::array: {
        std::string out = "[";
        for (const Tree& child : tree.children) {
          if (out.size() > 1) out += ",";
          out.append(space()).append(write(child)).append(space());
        }
        return out + "]";
      }
      case Tree::Kind::object:
        break;
    }
    std::vector<size_t> order(tree.keys.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i)]);
    std::string out = "{";
    for (size_t i : order) {
      if (out.size() > 1) out += ",";
      out.append(space()).append(quote(tree.keys[i])).append(space()).append(":").append(space());
      out.append(write(tree.children[i])).append(space());
    }
    return out + "}";
  }

  // Changes the meaning of one node.
  void mutate(Tree& tree) {
    if (!tree.children.empty() && below(4) != 0)
      return mutate(tree.children[below(tree.children.size())]);
    switch (tree.kind) {
      case Tree::Kind::literal:
        tree.text = tree.text == "null" ? "true" : "null";
        break;
      case Tree::Kind::integer:
        tree.text = tree.text == "0" ? "5" : tree.text + "1";
        break;
      case Tree::Kind::decimal:
        tree.mantissa += 1;
        break;
      case Tree::Kind::string:
        tree.text += "x";
        break;
      case Tree::Kind::array:
        tree.children.push_back({});
        tree.children.back().text = "null";
        break;
      case Tree::Kind::object:
        tree.keys.push_back("new key");
        tree.children.push_back({});
        tree.children.back().text = "null";  // absent is not null
        break;
    }
  }

 private:
  static constexpr const char* literals[] = {"null", "true", "false"};
  static constexpr const char* integers[] = {"0", "7", "-12", "9007199254740993",
                                             "1234567890123456789012"};

  void fill_object(Tree& out, int depth) {
    static constexpr const char* names[] = {"a", "b", "\u00e9", "long key", "q\"\\", "\n"};
    for (const char* name : names) {
      if (below(3) != 0) continue;
      out.keys.push_back(name);
      out.children.push_back(tree(depth - 1));
    }
  }

  std::string text() {
    static constexpr const char* pieces[] = {"a",      "model",      "\"", "\\", "\n",
                                             "\u00e9", "\U0001F600", "/",  " ",  "\x01"};
    std::string out;
    for (uint64_t i = below(5); i > 0; --i) out += pieces[below(10)];
    return out;
  }

  std::string space() {
    static constexpr const char* spaces[] = {"", "", "", " ", "\n\t", "\r "};
    return spaces[below(6)];
  }

  // mantissa * 10^exponent, always with a point or an exponent.
  std::string decimal(int64_t mantissa, int exponent) {
    std::string zeros(below(3), '0');
    switch (below(3)) {
      case 0:
        return std::to_string(mantissa) + "e" + std::to_string(exponent);
      case 1:
        return std::to_string(mantissa) + zeros + "E" +
               std::to_string(exponent - static_cast<int>(zeros.size()));
      default:
        return std::to_string(mantissa) + ".0" + zeros + "e" + (exponent < 0 ? "" : "+") +
               std::to_string(exponent);
    }
  }

  // Characters of the basic plane may be written as escapes; others stay.
  std::string quote(const std::string& text) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string out(1, '"');
    for (char c : text) {
      auto byte = static_cast<unsigned char>(c);
      bool ascii = byte < 0x80;
      if (c == '\n' && below(2) == 0) {
        out += "\\n";
      } else if ((c == '"' || c == '\\' || c == '/') && below(2) == 0) {
        out.append(1, '\\').append(1, c);
      } else if (ascii && (byte < 0x20 || c == '"' || c == '\\' || below(4) == 0)) {
        out.append("\\u00").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
      } else {
        out.append(1, c);
      }
    }
    return out.append(1, '"');
  }

  Random random_;
};

}  // namespace keel::wire
