extension Reference {
  /// The twin of ``lstmStepKernel(rows:units:)``.
  static func lstmStep(rows: Int, units: Int) -> any Kernel {
    LoopKernel { arguments in
      let (a, b, carry, y) = (arguments[0], arguments[1], arguments[2], arguments[3])
      for row in 0..<rows {
        for unit in 0..<units {
          let sums = (0..<4).map { part in
            a[row * 4 * units + part * units + unit] + b[row * 4 * units + part * units + unit]
          }
          let place = row * units + unit
          let next =
            UnaryFunction.sigmoid(sums[1]) * carry[place]
            + UnaryFunction.sigmoid(sums[0]) * UnaryFunction.tanh(sums[2])
          y[place] = UnaryFunction.sigmoid(sums[3]) * UnaryFunction.tanh(next)
          y[rows * units + place] = next
        }
      }
    }
  }

  /// The twin of ``gruStepKernel(rows:units:)``.
  static func gruStep(rows: Int, units: Int) -> any Kernel {
    LoopKernel { arguments in
      let (a, b, state, y) = (arguments[0], arguments[1], arguments[2], arguments[3])
      for row in 0..<rows {
        for unit in 0..<units {
          let (x, h) = (a + row * 3 * units + unit, b + row * 3 * units + unit)
          let update = UnaryFunction.sigmoid(x[0] + h[0])
          let reset = UnaryFunction.sigmoid(x[units] + h[units])
          let candidate = UnaryFunction.tanh(x[2 * units] + reset * h[2 * units])
          let place = row * units + unit
          y[place] = update * state[place] + (1 - update) * candidate
        }
      }
    }
  }
}
