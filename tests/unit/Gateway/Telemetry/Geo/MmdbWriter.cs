using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Mooring.Gateway.Tests.Telemetry.Geo;

/// <summary>Writes small country databases (MaxMind DB format 2.0): an IPv6 tree with IPv4 under ::/96, records of 24 bits.</summary>
internal static class MmdbWriter
{
    public static byte[] Write(params (string Network, string Country)[] networks)
    {
        var nodes = new List<int[]> { NewNode() };
        var data = new MemoryStream();
        foreach (var (text, country) in networks)
        {
            var network = IPNetwork.Parse(text);
            var v4 = network.BaseAddress.GetAddressBytes().Length == 4;
            byte[] bits = v4 ? [.. new byte[12], .. network.BaseAddress.GetAddressBytes()] : network.BaseAddress.GetAddressBytes();
            var length = network.PrefixLength + (v4 ? 96 : 0);
            var node = 0;
            for (var i = 0; i < length; i++)
            {
                var side = (bits[i / 8] >> (7 - (i % 8))) & 1;
                if (i == length - 1)
                {
                    nodes[node][side] = -2 - (int)data.Position;
                }
                else
                {
                    if (nodes[node][side] < 0)
                    {
                        nodes[node][side] = nodes.Count;
                        nodes.Add(NewNode());
                    }

                    node = nodes[node][side];
                }
            }

            Map(data, 1);
            Text(data, "country");
            Map(data, 1);
            Text(data, "iso_code");
            Text(data, country);
        }

        var file = new MemoryStream();
        Span<byte> record = stackalloc byte[4];
        foreach (var value in nodes.SelectMany(node => node))
        {
            // The number of nodes: not found. Beyond: 16 more than where the data lies.
            BinaryPrimitives.WriteInt32BigEndian(
                record,
                value == -1 ? nodes.Count
                    : value < -1 ? nodes.Count + 16 - 2 - value
                    : value
            );
            file.Write(record[1..]);
        }

        file.Write(new byte[16]);
        data.WriteTo(file);
        file.Write([0xAB, 0xCD, 0xEF, .. "MaxMind.com"u8]);
        Map(file, 9);
        Number(file, "binary_format_major_version", 5, 2);
        Number(file, "binary_format_minor_version", 5, 0);
        Number(file, "ip_version", 5, 6);
        Number(file, "record_size", 5, 24);
        Number(file, "node_count", 6, nodes.Count);
        Text(file, "database_type");
        Text(file, "Test-Country");
        Number(file, "build_epoch", 9, 1_700_000_000);
        Text(file, "languages");
        file.Write([0, 4]);
        Text(file, "description");
        Map(file, 0);
        return file.ToArray();
    }

    private static int[] NewNode() => [-1, -1];

    private static void Map(Stream to, int entries) => to.WriteByte((byte)((7 << 5) | entries));

    private static void Text(Stream to, string text)
    {
        if (text.Length < 29)
        {
            to.WriteByte((byte)((2 << 5) | text.Length));
        }
        else
        {
            to.Write([(2 << 5) | 29, (byte)(text.Length - 29)]);
        }

        to.Write(Encoding.UTF8.GetBytes(text));
    }

    /// <param name="to">Where.</param>
    /// <param name="key">Of the map.</param>
    /// <param name="type">5: 16 bits, 6: 32 bits, 9: 64 bits.</param>
    /// <param name="value">The number.</param>
    private static void Number(Stream to, string key, int type, int value)
    {
        Text(to, key);
        var size = type == 5 ? 2 : 4;
        to.Write(type > 7 ? [(byte)size, (byte)(type - 7)] : [(byte)((type << 5) | size)]);
        for (var i = size - 1; i >= 0; i--)
        {
            to.WriteByte((byte)(value >> (8 * i)));
        }
    }
}
