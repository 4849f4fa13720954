namespace Mooring.Gateway.Tunnels;

/// <summary>A set of ports as text: a bit for each from the first on. Pure.</summary>
internal static class PortSet
{
    /// <summary><c>first:bits</c>, the bits in Base64; empty for none.</summary>
    public static string Write(IReadOnlyCollection<int> ports)
    {
        if (ports.Count == 0)
        {
            return "";
        }

        var first = ports.Min();
        var bits = new byte[(ports.Max() - first) / 8 + 1];
        foreach (var port in ports)
        {
            bits[(port - first) / 8] |= (byte)(1 << ((port - first) % 8));
        }

        return $"{first}:{Convert.ToBase64String(bits)}";
    }

    /// <summary>The ports, none of which is out of bounds whatever the text is.</summary>
    public static IEnumerable<int> Read(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !ushort.TryParse(text.AsSpan(0, colon), System.Globalization.CultureInfo.InvariantCulture, out var first))
        {
            yield break;
        }

        var bits = new byte[8192];
        if (!Convert.TryFromBase64Chars(text.AsSpan(colon + 1), bits, out var count))
        {
            yield break;
        }

        for (var i = 0; i < count * 8; i++)
        {
            if ((bits[i / 8] & (1 << (i % 8))) != 0 && first + i <= ushort.MaxValue)
            {
                yield return first + i;
            }
        }
    }
}
