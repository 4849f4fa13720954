using System.Text.Json;

namespace Mooring.Contracts.Stream;

/// <summary>Says which of the reports that are made each <see cref="StreamLimits.ReportInterval"/> are worth sending. One for a stream; not thread-safe.</summary>
/// <remarks>
/// Thousands of gateways at rest would otherwise tell the operator the same thing again and again. What has changed in anything but memory and a little CPU
/// time is sent; what is the same, only each <paramref name="quiet"/>, to show that the gateway lives. For a while after the operator has
/// said something every report is sent, since it may wait for what has become of it.
/// </remarks>
/// <param name="quiet">Time between two reports at most; <see cref="StreamLimits.QuietInterval"/> says which.</param>
public sealed class ReportPace(TimeSpan quiet)
{
    /// <summary>A gateway that does nothing wavers by less, in percent of a core.</summary>
    public const double CpuPoints = 2;

    private static readonly TimeSpan Attention = 3 * StreamLimits.ReportInterval;

    // A report that is made on the same timer as the last may be early by the timer's grain.
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(500);

    private byte[] _sent = [];
    private double _cpuSeconds;
    private TimeSpan _sentAt;
    private TimeSpan? _spokenTo;

    /// <summary>The operator has said something.</summary>
    /// <param name="now">On any clock that never goes back; the same as elsewhere.</param>
    public void SpokenTo(TimeSpan now) => _spokenTo = now;

    /// <summary>Whether the report is to be sent now; it counts as sent then.</summary>
    public bool Take(ReportMessage report, TimeSpan now)
    {
        var told = JsonSerializer.SerializeToUtf8Bytes(
            report with
            {
                CpuSeconds = 0,
                ResidentBytes = 0,
            },
            ContractsJson.Default.ReportMessage
        );
        var since = now - _sentAt;
        if (
            since < quiet - Grain
            && !(now - _spokenTo < Attention)
            && (report.CpuSeconds - _cpuSeconds) * 100 <= CpuPoints * since.TotalSeconds
            && told.AsSpan().SequenceEqual(_sent)
        )
        {
            return false;
        }

        (_sent, _cpuSeconds, _sentAt) = (told, report.CpuSeconds, now);
        return true;
    }
}
