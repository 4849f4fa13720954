using System.Collections.Frozen;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>Finds what belongs to a server name: an exact name first, then the longest wildcard. Immutable; lookups allocate nothing.</summary>
/// <param name="entries">Name, or <c>*.</c> and a name, and its value. The first of equal names counts; case does not.</param>
/// <param name="manyLabels"><c>*.example.com</c> also takes <c>a.b.example.com</c>. False for certificates (RFC 6125 §6.4.3).</param>
internal sealed class ServerNameMap<T>(IEnumerable<(string Name, T Value)> entries, bool manyLabels)
    where T : class
{
    private readonly FrozenDictionary<string, T> _byName = entries
        .GroupBy(static entry => entry.Name, StringComparer.OrdinalIgnoreCase)
        .ToFrozenDictionary(static group => group.Key, static group => group.First().Value, StringComparer.OrdinalIgnoreCase);

    public int Count => _byName.Count;

    /// <param name="name">ASCII; one trailing dot is passed over.</param>
    public T? Find(ReadOnlySpan<byte> name)
    {
        if (name.Length is 0 or > ClientHello.MaxNameBytes)
        {
            return null;
        }

        if (name[^1] == (byte)'.')
        {
            name = name[..^1];
        }

        // Room for the asterisk in front.
        Span<char> text = stackalloc char[ClientHello.MaxNameBytes + 1];
        for (var i = 0; i < name.Length; i++)
        {
            text[i + 1] = (char)name[i];
        }

        text = text[..(name.Length + 1)];
        var lookup = _byName.GetAlternateLookup<ReadOnlySpan<char>>();
        if (lookup.TryGetValue(text[1..], out var exact))
        {
            return exact;
        }

        for (var dot = text[1..].IndexOf('.') + 1; dot > 0; )
        {
            // The character before the dot is of a label that the asterisk stands for.
            text[dot - 1] = '*';
            if (dot > 1 && lookup.TryGetValue(text[(dot - 1)..], out var wildcard))
            {
                return wildcard;
            }

            var next = text[(dot + 1)..].IndexOf('.');
            if (!manyLabels || next < 0)
            {
                return null;
            }

            dot += next + 1;
        }

        return null;
    }
}
