#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// Which places of two feature maps belong together, and where the places of a view lie in its image.
namespace fovea::kernels {

struct Match {
  int64_t images, from, to, dim;  // places of the one map, of the other, numbers a place
  int64_t count;                  // matches an image, at most `from`
};

// For each image of a [images, from, dim] and b [images, to, dim] the nearest place of b to every place of a, by
// squared distance (the lower number of equally near ones), and of these pairs the `count` nearest (the lower place of
// a at ties), in the order of a's places: a's places and b's, [images, count] each. A distance that is not a number
// counts as infinite.                                          reads a and b once and, from caches, b `from` times
template <class T>
void match_nearest(Cpu&, const Match& shape, const T* a, const T* b, int64_t* a_places, int64_t* b_places);
template <class T>
void match_nearest(Cuda&, const Match& shape, const T* a, const T* b, int64_t* a_places, int64_t* b_places);

// centres [images, height * width, 2], x and y: where the middles of a view's cells lie, row by row, by `affine`
// [images, 2, 3], which takes (u, v, 1) there, u and v from 0 to 1 over the view.       writes images height width 2
void cell_centres(Cpu&, const float* affine, int64_t images, int64_t height, int64_t width, float* centres);
void cell_centres(Cuda&, const float* affine, int64_t images, int64_t height, int64_t width, float* centres);

}  // namespace fovea::kernels
