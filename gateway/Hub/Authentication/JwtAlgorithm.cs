using System.Security.Cryptography;

namespace Mooring.Gateway.Hub.Authentication;

/// <summary>Signatures that are known, RFC 7518 §3.1 and RFC 8037. There is no <c>none</c>.</summary>
internal enum JwtAlgorithm
{
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
}

internal static class JwtAlgorithms
{
    public static JwtAlgorithm? Parse(string? name) =>
        name switch
        {
            "HS256" => JwtAlgorithm.HS256,
            "HS384" => JwtAlgorithm.HS384,
            "HS512" => JwtAlgorithm.HS512,
            "RS256" => JwtAlgorithm.RS256,
            "RS384" => JwtAlgorithm.RS384,
            "RS512" => JwtAlgorithm.RS512,
            "PS256" => JwtAlgorithm.PS256,
            "PS384" => JwtAlgorithm.PS384,
            "PS512" => JwtAlgorithm.PS512,
            "ES256" => JwtAlgorithm.ES256,
            "ES384" => JwtAlgorithm.ES384,
            "ES512" => JwtAlgorithm.ES512,
            "EdDSA" or "Ed25519" => JwtAlgorithm.EdDSA,
            _ => null,
        };

    public static HashAlgorithmName Hash(JwtAlgorithm algorithm) =>
        algorithm switch
        {
            JwtAlgorithm.HS384 or JwtAlgorithm.RS384 or JwtAlgorithm.PS384 or JwtAlgorithm.ES384 => HashAlgorithmName.SHA384,
            JwtAlgorithm.HS512 or JwtAlgorithm.RS512 or JwtAlgorithm.PS512 or JwtAlgorithm.ES512 => HashAlgorithmName.SHA512,
            _ => HashAlgorithmName.SHA256,
        };
}
