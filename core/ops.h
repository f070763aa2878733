#pragma once

// Everything differentiable, and what assigns.
#include <fovea/core/autograd.h>
#include <fovea/core/ops/activation.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/attention.h>
#include <fovea/core/ops/conv.h>
#include <fovea/core/ops/linalg.h>
#include <fovea/core/ops/linear.h>
#include <fovea/core/ops/losses/cluster.h>
#include <fovea/core/ops/losses/contrastive.h>
#include <fovea/core/ops/losses/loss.h>
#include <fovea/core/ops/losses/match.h>
#include <fovea/core/ops/losses/sigreg.h>
#include <fovea/core/ops/low_rank.h>
#include <fovea/core/ops/norm.h>
#include <fovea/core/ops/pool.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/core/ops/shape.h>
