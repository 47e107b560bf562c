// Convex hulls: by hand, on their boundary, and one rounding error beside it.
#include "support/dynamics.hpp"

namespace {

using crest::Index;
using crest::dynamics::hull_vertices;
using crest::dynamics::in_hull;
using test::Tokens;
using Point = Eigen::RowVectorXf;

Point at(std::initializer_list<float> x) { return Eigen::Map<const Point>(x.begin(), Index(x.size())); }

const float above_one = std::nextafter(1.0f, 2.0f), below_one = std::nextafter(1.0f, 0.0f);

TEST(Plane, InsideOnAndOutside) {
  const Tokens square{{1, 1}, {-1, 1}, {-1, -1}, {1, -1}, {0.25f, 0}};
  for (const Point& in : {at({0, 0}), at({1, 1}), at({1, 0.3f}), at({below_one, -1}), at({0.25f, 0})})
    EXPECT_TRUE(in_hull(square, in)) << in;
  for (const Point& out : {at({above_one, 0}), at({0, -above_one}), at({1, above_one}), at({3, 3})})
    EXPECT_FALSE(in_hull(square, out)) << out;
}

TEST(Plane, SlantedEdgesAreDecidedWithoutRounding) {
  const Tokens triangle{{0, 0}, {3, 1}, {0, 5}};
  const float third = 1 / 3.0f, x = 3 * third;  // on the line y = x / 3 up to rounding
  EXPECT_TRUE(in_hull(triangle, at({1.5f, 0.5f})));
  EXPECT_FALSE(in_hull(triangle, at({1.5f, std::nextafter(0.5f, 0.0f)})));
  EXPECT_TRUE(in_hull(triangle, at({1.5f, std::nextafter(0.5f, 1.0f)})));
  EXPECT_EQ(in_hull(triangle, at({x, third})), double{third} * 3 >= double{x});
}

TEST(Plane, Degenerate) {
  const Tokens segment{{0, 0}, {2, 2}, {1, 1}, {2, 2}};
  EXPECT_TRUE(in_hull(segment, at({1.75f, 1.75f})));
  EXPECT_FALSE(in_hull(segment, at({1.75f, 1.7500001f})));
  EXPECT_FALSE(in_hull(segment, at({3, 3})));
  EXPECT_FALSE(in_hull(segment, at({-1, -1})));
  EXPECT_TRUE(in_hull(Tokens{{4, 5}}, at({4, 5})));
  EXPECT_FALSE(in_hull(Tokens{{4, 5}}, at({4, 6})));
  EXPECT_FALSE(in_hull(Tokens(0, 2), at({0, 0})));
}

TEST(Space, InsideOnAndOutside) {
  Tokens cube(8, 3);
  for (int i = 0; i < 8; ++i) cube.row(i) << (i & 1 ? 1 : -1), (i & 2 ? 1 : -1), (i & 4 ? 1 : -1);
  for (const Point& in : {at({0, 0, 0}), at({1, 1, 1}), at({1, 0.3f, -0.2f}), at({1, 1, 0}), at({-1, below_one, 0})})
    EXPECT_TRUE(in_hull(cube, in)) << in;
  for (const Point& out : {at({above_one, 0, 0}), at({1, 1, above_one}), at({1, -above_one, 0}), at({2, 2, 2})})
    EXPECT_FALSE(in_hull(cube, out)) << out;
}

TEST(Space, Degenerate) {
  const Tokens flat{{0, 0, 0}, {4, 0, 4}, {0, 4, 4}, {1, 1, 2}};
  EXPECT_TRUE(in_hull(flat, at({1, 2, 3})));
  EXPECT_TRUE(in_hull(flat, at({2, 0, 2})));
  EXPECT_FALSE(in_hull(flat, at({1, 2, 3.0000002f})));
  EXPECT_FALSE(in_hull(flat, at({4, 4, 8})));
  const Tokens line{{0, 0, 0}, {1, 2, 3}, {3, 6, 9}};
  EXPECT_TRUE(in_hull(line, at({2, 4, 6})));
  EXPECT_FALSE(in_hull(line, at({4, 8, 12})));
  EXPECT_FALSE(in_hull(line, at({1, 2, 4})));
}

/// Weights that are multiples of 2^-8 and points that are multiples of 2^-8 make mixtures that are exact.
TEST(Random, MixturesAreInsideAndPointsBeyondAPlaneOutside) {
  for (Index d : {2, 3})
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      const Tokens z = (256 * test::random_tokens(12, d, seed)).array().round() / 256;
      test::Random random(seed);
      const Index a = random.below(12), b = random.below(12), c = random.below(12), s = random.below(129),
                  t = random.below(129);
      EXPECT_TRUE(in_hull(z, z.row(a) * s / 256 + z.row(b) * t / 256 + z.row(c) * (256 - s - t) / 256));
      const Eigen::RowVectorXf normal = test::random_tokens(1, d, seed + 1000);
      Index most;
      (z * normal.transpose()).col(0).maxCoeff(&most);
      EXPECT_FALSE(in_hull(z, z.row(most) + 0.001f * normal));
    }
}

TEST(Vertices, AreThoseNotInTheHullOfTheOthers) {
  EXPECT_EQ(hull_vertices(Tokens{{0, 0}, {2, 0}, {1, 0}, {2, 2}, {0, 2}, {1, 1}, {2, 2}}),
            (std::vector<Index>{0, 1, 3, 4}));
  EXPECT_EQ(hull_vertices(Tokens{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0.25f, 0.25f, 0.25f}, {0.5f, 0.5f, 0}}),
            (std::vector<Index>{0, 1, 2, 3}));
}

TEST(Sum, KeepsWhatDoublesLose) {
  crest::dynamics::detail::ExactSum sum;
  sum.add(1e30), sum.add(1), sum.add(-1e30);
  EXPECT_EQ(sum.sign(), 1);
  sum.add_product(1 + 0x1p-52, 1 - 0x1p-52), sum.add(-2);
  EXPECT_EQ(sum.sign(), -1);  // 1 + (1 - 2^-104) - 2
}

}  // namespace
