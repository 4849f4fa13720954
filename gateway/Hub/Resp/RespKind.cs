namespace Mooring.Gateway.Hub.Resp;

/// <summary>Kinds of RESP values, https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP2 and RESP3).</summary>
internal enum RespKind : byte
{
    Null,

    /// <summary><c>+</c>: a line.</summary>
    Simple,

    /// <summary><c>-</c> or <c>!</c>: the server's error; its first word is a code.</summary>
    Error,

    /// <summary><c>:</c>.</summary>
    Integer,

    /// <summary><c>$</c> or <c>=</c>, the latter without its prefix of three letters and a colon.</summary>
    Bulk,

    /// <summary><c>*</c>.</summary>
    Array,

    /// <summary><c>%</c>: keys and values in turn.</summary>
    Map,

    /// <summary><c>~</c>.</summary>
    Set,

    /// <summary><c>&gt;</c>: nobody's reply.</summary>
    Push,

    /// <summary><c>#</c>.</summary>
    Boolean,

    /// <summary><c>,</c>.</summary>
    Double,

    /// <summary><c>(</c>: kept as its digits.</summary>
    BigNumber,
}
