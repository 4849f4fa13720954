using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Metrics;

namespace Mooring.Operator.Tests.Metrics;

public sealed class SequenceMetricsTests
{
    [Theory]
    [InlineData(null, 2, "down")]
    [InlineData(null, 10, null)]
    [InlineData(null, 12, "up")]
    [InlineData(4, 8, "up")]
    [InlineData(8, 8, null)]
    public void Decided_AlsoTheFirstTime_CountsAChange(int? before, int after, string? direction)
    {
        // The instruments are the whole process's: other tests count too.
        var reason = $"of-{before}-and-{after}";
        var counted = new ConcurrentQueue<string?>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = static (instrument, self) =>
        {
            if (instrument.Name == "mooring.scaling.decisions")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>(
            (_, _, tags, _) =>
            {
                var all = tags.ToArray().ToDictionary(static tag => tag.Key, static tag => tag.Value as string, StringComparer.Ordinal);
                if (all["reason"] == reason)
                {
                    counted.Enqueue(all["direction"]);
                }
            }
        );
        listener.Start();

        SequenceMetrics.Decided(
            before is { } number ? new ScalingStatus { Recommended = number, Replicas = 10 } : null,
            new ScalingStatus
            {
                Recommended = after,
                Replicas = 10,
                Reason = reason,
            }
        );

        counted.ShouldBe(direction is null ? [] : [direction]);
    }
}
