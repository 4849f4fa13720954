using System.Globalization;

namespace Mooring.Operator.Scaling;

/// <summary>Writes a <see cref="DrainMark"/> as annotations of a pod, and reads it back.</summary>
public static class DrainAnnotations
{
    public const string Cause = "mooring.dev/drain-cause";
    public const string CordonedAt = "mooring.dev/cordoned-at";
    public const string StartedAt = "mooring.dev/drain-started-at";
    public const string Deadline = "mooring.dev/drain-deadline";

    /// <summary>Well known: of pods that are alike otherwise, the one with the lowest is removed first. Absent is 0.</summary>
    public const string DeletionCost = "controller.kubernetes.io/pod-deletion-cost";

    private const string LeastCost = "-2147483647";

    /// <summary>All that a mark is written in; a null takes the annotation away.</summary>
    public static IReadOnlyDictionary<string, string?> Write(DrainMark? mark) =>
        new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            [Cause] = mark?.Cause,
            [CordonedAt] = Text(mark?.CordonedAt),
            [StartedAt] = Text(mark?.DrainStartedAt),
            [Deadline] = Text(mark?.Deadline),
            [DeletionCost] = mark is { Drained: true } ? LeastCost : null,
        };

    /// <summary>Null where there is no mark. A time that cannot be read, as one edited by hand, counts as not set.</summary>
    public static DrainMark? Read(IReadOnlyDictionary<string, string>? annotations) =>
        annotations is not null && Time(annotations, CordonedAt) is { } cordoned
            ? new DrainMark(
                annotations.GetValueOrDefault(Cause) ?? DrainCauses.ScaleIn,
                cordoned,
                Time(annotations, StartedAt),
                Time(annotations, Deadline),
                annotations.GetValueOrDefault(DeletionCost) == LeastCost
            )
            : null;

    /// <summary>A time so far off that nothing can be added to it was written by hand.</summary>
    private static readonly DateTimeOffset Latest = new(9000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static string? Text(DateTimeOffset? moment) =>
        moment?.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static DateTimeOffset? Time(IReadOnlyDictionary<string, string> annotations, string name) =>
        DateTimeOffset.TryParse(
            annotations.GetValueOrDefault(name),
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var time
        )
        && time < Latest
            ? time
            : null;
}
