using System.Globalization;

namespace Mooring.Contracts.Handover;

/// <summary>Which UDP ports are bound on this machine, as the kernel lists them (proc(5)): a server of datagrams cannot be asked whether it is there.</summary>
public static class UdpPorts
{
    private static readonly string[] Tables = ["/proc/net/udp", "/proc/net/udp6"];

    /// <summary>Some socket is bound to the port, on whatever address.</summary>
    public static bool IsBound(int port) => Tables.Any(path => Lists(Read(path), port, connectedToo: true));

    /// <summary>Some socket takes datagrams of anybody at the port: one that is connected hears its peer alone.</summary>
    public static bool IsOpen(int port) => Tables.Any(path => Lists(Read(path), port, connectedToo: false));

    /// <summary>A table has such a socket.</summary>
    /// <param name="table">Lines of <c>/proc/net/udp</c>.</param>
    /// <param name="port">The local port.</param>
    /// <param name="connectedToo">Sockets with a peer count.</param>
    public static bool Lists(IEnumerable<string> table, int port, bool connectedToo)
    {
        foreach (var line in table.Skip(1))
        {
            // "sl local_address rem_address …": a port is in hexadecimal after the last colon.
            var fields = line.Split(' ', 4, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 4 && PortOf(fields[1]) == port && (connectedToo || PortOf(fields[2]) == 0))
            {
                return true;
            }
        }

        return false;
    }

    private static int PortOf(string address) =>
        int.TryParse(address.AsSpan(address.LastIndexOf(':') + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var port)
            ? port
            : -1;

    private static IEnumerable<string> Read(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (IOException)
        {
            // Without IPv6 there is no such table.
            return [];
        }
    }
}
