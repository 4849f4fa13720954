using System.Globalization;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Host;

/// <summary>Says once how to keep the public ports of tunnels from outgoing connections of this machine, which would keep tunnels from them. Not thread-safe.</summary>
/// <remarks>It reserves nothing itself (net.ipv4.ip_local_reserved_ports, ip-sysctl.rst): that is root's to do, and host mode wants no root.</remarks>
/// <param name="folder">Folder of the kernel's settings of IPv4.</param>
/// <param name="say">Tells people.</param>
internal sealed class TunnelPortAdvice(string folder, Action<string> say)
{
    public const string KernelFolder = "/proc/sys/net/ipv4";
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);

    /// <summary>Looks at the ranges of these fleets.</summary>
    public void Give(IEnumerable<ConnectionFleet> fleets)
    {
        var outgoing = Read("ip_local_port_range");
        var reserved = Read("ip_local_reserved_ports");
        foreach (var fleet in fleets)
        {
            foreach (var range in fleet.Spec.Listeners.Select(static listener => listener.Tunnel?.PortRange).OfType<PortRangeSpec>())
            {
                if (With(outgoing, reserved, range.Start, range.End) is { } wanted)
                {
                    Tell(fleet, range, wanted);
                    // The setting is one: whoever follows the next line too is not to undo this one.
                    reserved = wanted;
                }
            }
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

    private void Tell(ConnectionFleet fleet, PortRangeSpec range, string wanted)
    {
        var line =
            $"{fleet.Metadata.Name}: outgoing connections of this machine may take the tunnels' ports {range.Start} to {range.End}; reserve them: "
            + $"sysctl -w net.ipv4.ip_local_reserved_ports={wanted}";
        if (_told.Add(line))
        {
            say(line);
        }
    }

    /// <summary>Empty where it cannot be read: then any port may be given away, and none is reserved.</summary>
    private string Read(string name)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, name)).Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

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
