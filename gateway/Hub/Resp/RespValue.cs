using System.Globalization;
using System.Text;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>One RESP value. Immutable. The accessors throw <see cref="RespShapeException"/> where it is of another kind.</summary>
internal readonly struct RespValue
{
    private readonly long _number;
    private readonly object? _content;

    private RespValue(RespKind kind, long number, object? content)
    {
        Kind = kind;
        _number = number;
        _content = content;
    }

    public static RespValue Null => default;

    public RespKind Kind { get; }

    public bool IsNull => Kind == RespKind.Null;

    public bool IsError => Kind == RespKind.Error;

    /// <summary>Whether it is a list of values: array, set, push, or a map's keys and values.</summary>
    public bool IsList => Kind is RespKind.Array or RespKind.Set or RespKind.Push or RespKind.Map;

    /// <summary>Items of a list, a map's being keys and values in turn; none of a null.</summary>
    public ReadOnlySpan<RespValue> Items =>
        _content is RespValue[] items ? items
        : IsNull ? default
        : throw Shape("a list");

    /// <summary>Bytes of a text or error; none of a null.</summary>
    public ReadOnlyMemory<byte> Bytes =>
        _content is byte[] bytes ? bytes
        : IsNull ? default
        : throw Shape("a text");

    /// <summary>An integer, a boolean as 0 or 1, or a text that is a number, as scripts give them.</summary>
    public long Integer =>
        Kind switch
        {
            RespKind.Integer or RespKind.Boolean => _number,
            RespKind.Bulk
            or RespKind.Simple
                when long.TryParse(
                    ((byte[])_content!).AsSpan(),
                    NumberStyles.AllowLeadingSign,
                    CultureInfo.InvariantCulture,
                    out var number
                ) => number,
            _ => throw Shape("an integer"),
        };

    public double Double =>
        Kind switch
        {
            RespKind.Double => BitConverter.Int64BitsToDouble(_number),
            RespKind.Integer => _number,
            RespKind.Bulk
                when double.TryParse(((byte[])_content!).AsSpan(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) =>
                number,
            _ => throw Shape("a number"),
        };

    /// <summary>A text as UTF-8; a number as its digits; null of a null.</summary>
    public string? Text =>
        Kind switch
        {
            RespKind.Null => null,
            RespKind.Integer or RespKind.Boolean => _number.ToString(CultureInfo.InvariantCulture),
            RespKind.Double => Double.ToString("R", CultureInfo.InvariantCulture),
            _ => Encoding.UTF8.GetString(Bytes.Span),
        };

    public static RespValue OfInteger(long number) => new(RespKind.Integer, number, null);

    public static RespValue OfBoolean(bool value) => new(RespKind.Boolean, value ? 1 : 0, null);

    public static RespValue OfDouble(double number) => new(RespKind.Double, BitConverter.DoubleToInt64Bits(number), null);

    /// <param name="kind">Of those with bytes.</param>
    public static RespValue OfBytes(RespKind kind, byte[] bytes) => new(kind, 0, bytes);

    /// <param name="kind">Of those with items.</param>
    public static RespValue OfItems(RespKind kind, RespValue[] items) => new(kind, 0, items);

    /// <summary>As a person would read it; for tests and messages.</summary>
    public override string ToString() =>
        _content is RespValue[] items ? $"{Kind}[{string.Join(", ", items.Select(item => item.ToString()))}]" : $"{Kind}:{Text}";

    private RespShapeException Shape(string wanted) => new($"the reply has {Kind} where {wanted} belongs");
}
