using Mooring.Operator.Dashboard;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Host.Output;

/// <summary>Fleets as <c>kubectl get fleets</c> shows them. Pure.</summary>
internal static class FleetTable
{
    private const string Gap = "   ";
    private static readonly string[] Header =
    [
        "NAME",
        "GATEWAYS",
        "BACKENDS",
        "CONNECTIONS",
        "CAPACITY",
        "UTIL",
        "DRAINING",
        "PHASE",
        "AGE",
    ];

    // So that lines printed one by one stay in their columns.
    private static readonly int[] LeastWidths = [16, 8, 8, 11, 10, 4, 8, 11, 3];

    /// <summary>The header and one line for each fleet, with the reason where one is degraded; no line is longer than <paramref name="width"/>.</summary>
    public static IReadOnlyList<string> Render(IReadOnlyList<FleetOverview> fleets, DateTimeOffset now, int width)
    {
        List<string[]> rows = [Header, .. fleets.Select(fleet => Row(fleet, Age(now - fleet.CreatedAt)))];
        if (fleets.Any(static fleet => Reason(fleet) is not null))
        {
            rows = [.. rows.Select((row, i) => (string[])[.. row, i == 0 ? "REASON" : Reason(fleets[i - 1]) ?? ""])];
        }

        int[] widths =
        [
            .. Enumerable
                .Range(0, rows[0].Length)
                .Select(column => Math.Max(LeastWidths.ElementAtOrDefault(column), rows.Max(row => row[column].Length))),
        ];
        return [.. rows.Select(row => Cut(string.Join(Gap, row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd(), width))];
    }

    /// <summary>What of a fleet makes a new line worth printing: all but its age.</summary>
    public static string Key(FleetOverview fleet) => string.Join('|', [.. Row(fleet, ""), Reason(fleet)]);

    /// <summary>As kubectl writes ages: the two largest units while they matter.</summary>
    public static string Age(TimeSpan age) =>
        age switch
        {
            { TotalSeconds: < 0 } => "0s",
            { TotalMinutes: < 2 } => $"{(int)age.TotalSeconds}s",
            { TotalMinutes: < 10 } when age.Seconds > 0 => $"{age.Minutes}m{age.Seconds}s",
            { TotalHours: < 3 } => $"{(int)age.TotalMinutes}m",
            { TotalHours: < 8 } when age.Minutes > 0 => $"{age.Hours}h{age.Minutes}m",
            { TotalHours: < 48 } => $"{(int)age.TotalHours}h",
            { TotalDays: < 8 } when age.Hours > 0 => $"{age.Days}d{age.Hours}h",
            _ => $"{(int)age.TotalDays}d",
        };

    private static string[] Row(FleetOverview fleet, string age) =>
        [
            fleet.Name,
            $"{fleet.GatewaysReady}/{fleet.GatewaysDesired}",
            $"{fleet.BackendsReady}/{fleet.BackendsDesired}",
            fleet.Connections.ToString(),
            fleet.Capacity.ToString(),
            $"{fleet.UtilizationPercent}%",
            fleet.GatewaysDraining.ToString(),
            fleet.Phase,
            age,
        ];

    private static string? Reason(FleetOverview fleet) =>
        fleet.Conditions.FirstOrDefault(static one => one is { Type: FleetConditions.Degraded, Status: FleetConditions.True })
            is { } degraded
            ? $"{degraded.Reason}: {degraded.Message}"
            : null;

    private static string Cut(string line, int width) => line.Length <= width ? line : line[..Math.Max(0, width)];
}
