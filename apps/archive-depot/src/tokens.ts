export const FIGURES = Symbol('DepotFigures');
