using System.Buffers.Text;

namespace Mooring.Gateway.WebSockets.Http;

/// <summary>Writes a message head into a buffer; what does not fit makes <see cref="Overflow"/> true and is left out.</summary>
internal ref struct HeadWriter(Span<byte> destination)
{
    private readonly Span<byte> _destination = destination;

    public int Length { get; private set; }

    public bool Overflow { get; private set; }

    public void Append(scoped ReadOnlySpan<byte> text)
    {
        if (Overflow || !text.TryCopyTo(_destination[Length..]))
        {
            Overflow = true;
            return;
        }

        Length += text.Length;
    }

    public void Append(int number)
    {
        if (Overflow || !Utf8Formatter.TryFormat(number, _destination[Length..], out var written))
        {
            Overflow = true;
            return;
        }

        Length += written;
    }

    public void Field(scoped ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> value)
    {
        Append(name);
        Append(": "u8);
        Append(value);
        Append("\r\n"u8);
    }
}
