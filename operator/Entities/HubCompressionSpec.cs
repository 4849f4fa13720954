using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description(
    "Compresses messages (permessage-deflate, RFC 7692) for clients that offer it, as browsers do; those that do not are served as before. Neither end keeps what it "
        + "has sent before, so a publication is compressed once for all its subscribers, and a client costs no memory for it."
)]
public sealed record HubCompressionSpec
{
    [Description("1, the fastest, to 9. More than 1 gains little with short messages.")]
    [RangeMinimum(1), RangeMaximum(9)]
    public int Level { get; set; } = 1;

    [Description("Messages with fewer bytes are sent as they are, 0 to 16777216.")]
    [RangeMinimum(0), RangeMaximum(16_777_216)]
    public int MinBytes { get; set; } = 256;

    [Description(
        "How far back compressed data refers, at both ends, as a power of two: 9 to 15. A client may ask for less; fewer need less of its memory."
    )]
    [RangeMinimum(9), RangeMaximum(15)]
    public int WindowBits { get; set; } = 15;
}
