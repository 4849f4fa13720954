using System.Globalization;

namespace Mooring.Operator.Host.Sockets;

/// <summary>Which UDP ports are bound on this machine, as the kernel lists them: a server of datagrams cannot be asked whether it is there.</summary>
internal static class UdpPorts
{
    /// <summary>Some process has bound the port, on whatever address.</summary>
    public static bool IsBound(int port) => IsBound("/proc/net/udp", port) || IsBound("/proc/net/udp6", port);

    /// <summary>A table of proc(5) has a socket of that port.</summary>
    /// <param name="table">Text of <c>/proc/net/udp</c>.</param>
    /// <param name="port">The port.</param>
    internal static bool Lists(IEnumerable<string> table, int port)
    {
        foreach (var line in table.Skip(1))
        {
            // "  sl  local_address rem_address …": the port is in hexadecimal after the second colon.
            var fields = line.Split(' ', 3, StringSplitOptions.RemoveEmptyEntries);
            if (
                fields.Length == 3
                && int.TryParse(
                    fields[1].AsSpan(fields[1].LastIndexOf(':') + 1),
                    NumberStyles.HexNumber,
                    CultureInfo.InvariantCulture,
                    out var bound
                )
                && bound == port
            )
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsBound(string path, int port)
    {
        try
        {
            return Lists(File.ReadLines(path), port);
        }
        catch (IOException)
        {
            // Without IPv6 there is no such table.
            return false;
        }
    }
}
