using System.Globalization;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Host;

/// <summary>
/// Keeps the public ports of tunnels from being given to outgoing connections of this machine, which would keep tunnels from them. Where a fleet
/// says <c>nodeTuning: {mode: Apply}</c> and this program may, it reserves them in the kernel (net.ipv4.ip_local_reserved_ports, ip-sysctl.rst)
/// until it ends; else it says what to do. Not thread-safe.
/// </summary>
/// <param name="folder">Folder of the kernel's settings of IPv4.</param>
/// <param name="say">Tells people.</param>
internal sealed class PortReservation(string folder, Action<string> say) : IDisposable
{
    public const string KernelFolder = "/proc/sys/net/ipv4";
    private readonly string _reserved = Path.Combine(folder, "ip_local_reserved_ports");
    private readonly string _range = Path.Combine(folder, "ip_local_port_range");
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private string? _original;
    private string? _written;

    /// <summary>Looks after the ranges of these fleets.</summary>
    public void Apply(IEnumerable<ConnectionFleet> fleets)
    {
        foreach (var fleet in fleets)
        {
            foreach (var listener in fleet.Spec.Listeners)
            {
                if (listener.Tunnel?.PortRange is { } range)
                {
                    Reserve(fleet, range);
                }
            }
        }
    }

    /// <summary>Puts back what was there, unless somebody else has changed it since.</summary>
    public void Dispose()
    {
        try
        {
            if (_original is not null && Read(_reserved) == _written)
            {
                File.WriteAllText(_reserved, _original + "\n");
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            say($"{_reserved} stays as it is: {error.Message}");
        }
    }

    /// <summary>The value that has the ports too, as the kernel takes it; null: they are reserved already, or no outgoing connection gets them.</summary>
    /// <param name="range">As in ip_local_port_range: two numbers.</param>
    /// <param name="reserved">As in ip_local_reserved_ports: numbers and runs, separated by commas.</param>
    /// <param name="start">First port.</param>
    /// <param name="end">Last port.</param>
    public static string? With(string range, string reserved, int start, int end)
    {
        var bounds = range.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (bounds.Length == 2 && int.TryParse(bounds[0], out var low) && int.TryParse(bounds[1], out var high))
        {
            (start, end) = (Math.Max(start, low), Math.Min(end, high));
        }

        var runs = reserved.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Run).ToList();
        for (var port = start; port <= end; port++)
        {
            if (!runs.Exists(run => port >= run.Start && port <= run.End))
            {
                return string.Join(
                    ',',
                    runs.Append((Start: start, End: end))
                        .Select(static run => run.Start == run.End ? $"{run.Start}" : $"{run.Start}-{run.End}")
                );
            }
        }

        return null;
    }

    private void Reserve(ConnectionFleet fleet, PortRangeSpec range)
    {
        try
        {
            var before = Read(_reserved);
            if (With(Read(_range), before, range.Start, range.End) is not { } wanted)
            {
                return;
            }

            if (fleet.Spec.NodeTuning?.Mode == "Apply")
            {
                _original ??= before;
                File.WriteAllText(_reserved, wanted + "\n");
                _written = Read(_reserved);
                say($"{fleet.Metadata.Name}: reserved the tunnels' ports {range.Start} to {range.End} against outgoing connections");
                return;
            }

            Tell(fleet, range, wanted, "nodeTuning: {mode: Apply} lets the operator do it while it runs");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Tell(fleet, range, $"{range.Start}-{range.End}", $"the operator could not: {error.Message}");
        }
    }

    private void Tell(ConnectionFleet fleet, PortRangeSpec range, string wanted, string how)
    {
        var line =
            $"{fleet.Metadata.Name}: outgoing connections of this machine may take the tunnels' ports {range.Start} to {range.End}; reserve them: "
            + $"sysctl -w net.ipv4.ip_local_reserved_ports={wanted} ({how})";
        if (_told.Add(line))
        {
            say(line);
        }
    }

    private static string Read(string path) => File.ReadAllText(path).Trim();

    private static (int Start, int End) Run(string text)
    {
        var parts = text.Split('-');
        var start = int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first) ? first : 0;
        return (
            start,
            parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var last) ? last : start
        );
    }
}
